import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createRegistry, type RegistryOptions } from '../../src/adapters/registry/registry.ts';
import {
  type FaultyRegistry,
  type Seen,
  startFaultyRegistry,
  type Wrong,
} from '../support/faulty-registry.ts';
import { blobOf, gather, manifestOf, reference, sourceOf } from '../support/registry-content.ts';

/** Waits are written down instead of waited for. */
const quickTime = (waits: number[]) => ({
  now: () => Date.parse('2026-11-01T00:00:00Z'),
  random: () => 0.5,
  sleep: async (ms: number, signal?: AbortSignal) => {
    signal?.throwIfAborted();
    waits.push(ms);
  },
});

const isBlob = ({ method, target }: Seen) => method === 'GET' && target.includes('/blobs/');
const isManifest = ({ target }: Seen) => target.includes('/manifests/');

describe('a registry that has trouble', () => {
  let server: FaultyRegistry;
  let waits: number[];
  let logged: string[];
  const registries: { close(): Promise<void> }[] = [];
  const open = (options: Partial<RegistryOptions> = {}) => {
    const registry = createRegistry({
      env: {},
      time: quickTime(waits),
      log: (message) => logged.push(message),
      limits: { headersMs: 400, stallMs: 400 },
      ...options,
    });
    registries.push(registry);
    return registry;
  };
  const name = () => reference(`${server.host}/fleet/image:1`);
  const fail = (when: (seen: Seen) => boolean, wrong: Wrong, times?: number) =>
    server.faults.push(times === undefined ? { when, wrong } : { when, wrong, times });
  const hold = (bytes: Buffer) => {
    const blob = blobOf(bytes);
    server.blobs.set(blob.digest, bytes);
    return blob;
  };
  const holdManifest = () => {
    const config = blobOf(Buffer.from('{}'), 'application/vnd.oci.image.config.v1+json');
    const { descriptor, bytes } = manifestOf(config, []);
    const entry = { bytes: Buffer.from(bytes), mediaType: descriptor.mediaType };
    server.manifests.set('fleet/image:1', entry);
    server.manifests.set(`fleet/image@${descriptor.digest}`, entry);
    return descriptor;
  };
  beforeEach(async () => {
    server = await startFaultyRegistry();
    waits = [];
    logged = [];
  });
  afterEach(async () => {
    for (const registry of registries.splice(0)) await registry.close();
    await server.close();
  });

  describe('resolving', () => {
    it.each([
      [401, 'unauthenticated'],
      [403, 'permission-denied'],
      [404, 'not-found'],
    ])('says no at once to HTTP %i, in the words of the registry', async (status, code) => {
      const body = JSON.stringify({ errors: [{ code: 'DENIED', message: 'go\naway' }] });
      fail(isManifest, { kind: 'status', status, body });
      await expect(open().resolve(name(), {})).rejects.toMatchObject({
        code,
        message: expect.stringContaining(
          `${server.host}: manifest of fleet/image:1: HTTP ${status}: DENIED: go away`,
        ),
      });
      expect(waits).toEqual([]);
    });

    it('waits as long as the registry asks, in seconds or until a date', async () => {
      const descriptor = holdManifest();
      fail(isManifest, { kind: 'status', status: 429, headers: { 'retry-after': '7' } }, 1);
      const date = 'Sun, 01 Nov 2026 00:00:20 GMT';
      fail(isManifest, { kind: 'status', status: 503, headers: { 'retry-after': date } }, 1);
      expect(await open().resolve(name(), {})).toEqual(descriptor);
      expect(waits).toEqual([7125, 20_125]);
    });

    it('gives up at once when it is asked to wait for too long', async () => {
      fail(isManifest, { kind: 'status', status: 429, headers: { 'retry-after': '3600' } });
      await expect(open().resolve(name(), {})).rejects.toMatchObject({ code: 'resource-exhausted' });
      expect(waits).toEqual([]);
    });

    it.each([
      [429, 'resource-exhausted'],
      [500, 'unavailable'],
      [503, 'unavailable'],
    ])('gives up on HTTP %i after its tries, waiting longer each time', async (status, code) => {
      fail(isManifest, { kind: 'status', status });
      await expect(open().resolve(name(), {})).rejects.toMatchObject({ code });
      expect(server.seen).toHaveLength(6);
      expect(waits).toEqual([188, 375, 750, 1500, 3000]);
    });

    it('goes on when the registry comes back', async () => {
      const descriptor = holdManifest();
      fail(isManifest, { kind: 'status', status: 502, body: '<html>bad gateway</html>' }, 3);
      expect(await open().resolve(name(), {})).toEqual(descriptor);
      expect(logged).toHaveLength(3);
      expect(logged[0]).not.toContain('<html>');
    });

    it('asks by GET where HEAD is not there or says too little', async () => {
      const descriptor = holdManifest();
      fail(({ method }) => method === 'HEAD', { kind: 'status', status: 405 }, 1);
      expect(await open().resolve(name(), {})).toEqual(descriptor);
      fail(isManifest, { kind: 'headers', headers: { 'docker-content-digest': undefined } });
      expect(await open().resolve(name(), {})).toEqual(descriptor);
      expect(server.seen.map(({ method }) => method)).toEqual(['HEAD', 'GET', 'HEAD', 'GET']);
    });

    it('reads the media type in the manifest where the header has none', async () => {
      const descriptor = holdManifest();
      fail(isManifest, { kind: 'headers', headers: { 'content-type': 'application/json' } });
      expect(await open().resolve(name(), {})).toEqual(descriptor);
    });

    it('refuses a digest that the bytes do not have', async () => {
      holdManifest();
      const other = `sha256:${'0'.repeat(64)}`;
      fail(({ method }) => method === 'HEAD', { kind: 'status', status: 405 });
      fail(isManifest, { kind: 'headers', headers: { 'docker-content-digest': other } });
      await expect(open().resolve(name(), {})).rejects.toMatchObject({ code: 'failed-precondition' });
    });

    it('refuses another manifest than the one asked for by digest', async () => {
      const { digest } = holdManifest();
      const other = `sha256:${'0'.repeat(64)}`;
      fail(isManifest, { kind: 'headers', headers: { 'docker-content-digest': other } });
      const byDigest = reference(`${server.host}/fleet/image@${digest}`);
      await expect(open().resolve(byDigest, {})).rejects.toMatchObject({
        code: 'failed-precondition',
        message: expect.stringContaining(other),
      });
    });

    it('does not read a manifest without end', async () => {
      server.manifests.set('fleet/image:1', { bytes: Buffer.alloc(9 * 1024 * 1024), mediaType: 'x/y' });
      await expect(open().resolve(name(), {})).rejects.toMatchObject({ code: 'resource-exhausted' });
    });

    it('stops at once when cancelled, also between two tries', async () => {
      fail(isManifest, { kind: 'status', status: 500 });
      const controller = new AbortController();
      const time = {
        ...quickTime(waits),
        sleep: async (_ms: number, signal?: AbortSignal) => {
          controller.abort();
          signal?.throwIfAborted();
        },
      };
      await expect(open({ time }).resolve(name(), { signal: controller.signal })).rejects.toMatchObject({
        code: 'cancelled',
      });
      expect(server.seen).toHaveLength(1);
    });

    it('tells a time limit from a cancellation', async () => {
      fail(() => true, { kind: 'stall', after: 0 });
      holdManifest();
      const late = AbortSignal.timeout(1);
      await new Promise((resolve) => late.addEventListener('abort', resolve));
      await expect(open().resolve(name(), { signal: late })).rejects.toMatchObject({
        code: 'deadline-exceeded',
      });
    });

    it('says that nobody listens', async () => {
      const gone = reference('127.0.0.1:1/fleet/image:1');
      await expect(open({ retry: { tries: 2 } }).resolve(gone, {})).rejects.toMatchObject({
        code: 'unavailable',
        message: expect.stringMatching(/^127\.0\.0\.1:1: manifest of fleet\/image:1: .*ECONNREFUSED/),
      });
      expect(waits).toHaveLength(1);
    });
  });

  describe('fetching', () => {
    const bytes = randomBytes(1_000_000);

    it('goes on by Range when the connection breaks, as often as it brings something', async () => {
      const blob = hold(bytes);
      fail(isBlob, { kind: 'reset', after: 100_000 }, 8);
      let moved = 0;
      const progress = (count: number) => {
        moved += count;
      };
      const { start, bytes: body } = await open().fetch(name(), blob, 0, { progress });
      expect(start).toBe(0);
      expect((await gather(body)).equals(bytes)).toBe(true);
      expect(moved).toBe(bytes.length);
      const ranges = server.seen.map(({ headers }) => headers.range);
      expect(ranges).toHaveLength(9);
      expect(ranges[0]).toBeUndefined();
      expect(ranges.slice(1).every((range) => /^bytes=\d+-$/.test(range ?? ''))).toBe(true);
    });

    it('goes on when nothing comes for too long', async () => {
      const blob = hold(bytes);
      fail(isBlob, { kind: 'stall', after: 300_000 }, 1);
      const { bytes: body } = await open().fetch(name(), blob, 0, {});
      expect((await gather(body)).equals(bytes)).toBe(true);
      expect(logged).toEqual([expect.stringContaining('nothing came in time')]);
    });

    it('gives each byte once when the registry ignores Range on the way', async () => {
      const blob = hold(bytes);
      fail(isBlob, { kind: 'reset', after: 400_000 }, 1);
      fail(isBlob, { kind: 'ignore-range' }, 1);
      const { bytes: body } = await open().fetch(name(), blob, 0, {});
      expect((await gather(body)).equals(bytes)).toBe(true);
    });

    it('says that it starts at 0 when the registry ignores Range at the start', async () => {
      const blob = hold(bytes);
      fail(isBlob, { kind: 'ignore-range' });
      const { start, bytes: body } = await open().fetch(name(), blob, 500_000, {});
      expect(start).toBe(0);
      expect((await gather(body)).equals(bytes)).toBe(true);
    });

    it('starts over where the range is refused', async () => {
      const blob = hold(bytes);
      fail(isBlob, { kind: 'status', status: 416 }, 1);
      const { start, bytes: body } = await open().fetch(name(), blob, 500_000, {});
      expect(start).toBe(0);
      expect((await gather(body)).equals(bytes)).toBe(true);
    });

    it('asks for nothing where nothing is missing', async () => {
      const blob = hold(bytes);
      const { start, bytes: body } = await open().fetch(name(), blob, bytes.length, {});
      expect(start).toBe(bytes.length);
      expect(await gather(body)).toHaveLength(0);
      expect(server.seen).toEqual([]);
      await expect(open().fetch(name(), blob, bytes.length + 1, {})).rejects.toMatchObject({
        code: 'invalid-argument',
      });
    });

    it('gives up on a blob that always ends early', async () => {
      const blob = hold(bytes);
      fail(isBlob, { kind: 'truncate', to: 600_000 });
      const { bytes: body } = await open().fetch(name(), blob, 0, {});
      await expect(gather(body)).rejects.toMatchObject({
        code: 'unavailable',
        message: expect.stringContaining(
          `blob ${blob.digest} of fleet/image: it ended after 600000 of 1000000 bytes`,
        ),
      });
    });

    it('gives up when breaks bring nothing new', async () => {
      const blob = hold(bytes);
      fail(isBlob, { kind: 'reset', after: 0 });
      const { bytes: body } = await open({ retry: { tries: 3 } }).fetch(name(), blob, 0, {});
      await expect(gather(body)).rejects.toMatchObject({ code: 'unavailable' });
      expect(server.seen).toHaveLength(3);
    });

    it('passes wrong bytes on, for the blob store to refuse', async () => {
      const blob = blobOf(bytes);
      const wrong = randomBytes(bytes.length);
      server.blobs.set(blob.digest, wrong);
      const { bytes: body } = await open().fetch(name(), blob, 0, {});
      expect((await gather(body)).equals(wrong)).toBe(true);
    });

    it('stops in the middle when cancelled', async () => {
      const blob = hold(bytes);
      fail(isBlob, { kind: 'stall', after: 100_000 });
      const controller = new AbortController();
      const { bytes: body } = await open().fetch(name(), blob, 0, { signal: controller.signal });
      const reading = (async () => {
        for await (const piece of body) if (piece.length > 0) controller.abort();
      })();
      await expect(reading).rejects.toMatchObject({ code: 'cancelled' });
      expect(server.seen).toHaveLength(1);
    });

    it('has a foreign layer from where its descriptor says, and tells that host nothing', async () => {
      const elsewhere = await startFaultyRegistry();
      const mediaType = 'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip';
      const blob = blobOf(bytes, mediaType);
      elsewhere.blobs.set(blob.digest, bytes);
      const urls = ['ftp://nowhere/x', `${elsewhere.url}/v2/vendor/blobs/${blob.digest}?sig=1`];
      const credentials = { username: 'sailor', password: 'secret' };
      const { bytes: body } = await open().fetch(name(), { ...blob, urls }, 0, { credentials });
      expect((await gather(body)).equals(bytes)).toBe(true);
      expect(elsewhere.seen[0]?.headers.authorization).toBeUndefined();
      expect(server.seen).toEqual([]);
      await elsewhere.close();
    });
  });

  describe('pushing', () => {
    const bytes = randomBytes(500_000);
    const isPut = ({ method }: Seen) => method === 'PUT';
    const isPatch = ({ method }: Seen) => method === 'PATCH';

    it('begins anew when a whole upload breaks, and counts each byte once', async () => {
      fail(isPut, { kind: 'cut-upload', after: 200_000 }, 2);
      let moved = 0;
      const progress = (count: number) => {
        moved += count;
      };
      const source = sourceOf(bytes);
      expect(await open().pushBlob(name(), blobOf(bytes), source, { progress })).toBe('uploaded');
      expect(source.opened).toEqual([0, 0, 0]);
      expect(moved).toBe(bytes.length);
    });

    it('goes on with chunks where the registry says that it stopped', async () => {
      fail(isPatch, { kind: 'cut-upload', after: 70_000 }, 1);
      const source = sourceOf(bytes);
      const registry = open({ chunks: { above: 1, size: 200_000 } });
      expect(await registry.pushBlob(name(), blobOf(bytes), source, {})).toBe('uploaded');
      expect(source.opened).toEqual([0, 70_000, 270_000, 470_000]);
      expect(server.seen.filter(isPatch).map(({ headers }) => headers['content-range'])).toEqual([
        '0-199999',
        '70000-269999',
        '270000-469999',
        '470000-499999',
      ]);
    });

    it('begins anew when the registry has forgotten the upload', async () => {
      fail(isPatch, { kind: 'status', status: 404, body: '{"errors":[{"code":"BLOB_UPLOAD_UNKNOWN"}]}' }, 1);
      const registry = open({ chunks: { above: 1, size: 200_000 } });
      expect(await registry.pushBlob(name(), blobOf(bytes), sourceOf(bytes), {})).toBe('uploaded');
      expect(server.seen.filter(({ method }) => method === 'POST')).toHaveLength(2);
    });

    it('goes over to chunks where a whole blob is too large for the registry, or it names their size', async () => {
      fail(isPut, { kind: 'status', status: 413 }, 1);
      const registry = open({ chunks: { small: 300_000 } });
      expect(await registry.pushBlob(name(), blobOf(bytes), sourceOf(bytes), {})).toBe('uploaded');
      expect(server.seen.filter(isPatch)).toHaveLength(2);
      server.blobs.clear();
      server.uploadHeaders = { 'oci-chunk-min-length': '400000' };
      const demanded = open({ chunks: { size: 1000 } });
      expect(await demanded.pushBlob(name(), blobOf(bytes), sourceOf(bytes), {})).toBe('uploaded');
      expect(
        server.seen
          .filter(isPatch)
          .slice(2)
          .map(({ headers }) => headers['content-length']),
      ).toEqual(['400000', '100000']);
    });

    it('uploads where a mount is refused', async () => {
      fail(({ target }) => target.includes('mount='), { kind: 'status', status: 403 });
      const source = sourceOf(bytes, { mountFrom: ['fleet/other'] });
      expect(await open().pushBlob(name(), blobOf(bytes), source, {})).toBe('uploaded');
      expect(logged).toEqual([expect.stringContaining('not mounted from fleet/other')]);
    });

    it('does not take a manifest for stored that came out as another', async () => {
      const { descriptor, bytes: manifest } = manifestOf(blobOf(Buffer.from('{}')), []);
      const headers = { 'docker-content-digest': `sha256:${'1'.repeat(64)}` };
      fail(isPut, { kind: 'status', status: 201, headers });
      await expect(open().pushManifest(name(), descriptor, manifest, false, {})).rejects.toMatchObject({
        code: 'failed-precondition',
      });
      const other = { ...descriptor, digest: blobOf(Buffer.from('other')).digest };
      await expect(open().pushManifest(name(), other, manifest, false, {})).rejects.toMatchObject({
        code: 'invalid-argument',
      });
    });
  });
});
