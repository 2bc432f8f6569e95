import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRegistry } from '../../src/adapters/registry/registry.ts';
import { type AuthRegistry, startAuthRegistry } from '../support/auth-registry.ts';
import { runProgram } from '../support/child.ts';
import { missingHere } from '../support/machine.ts';
import { blobOf, gather, manifestOf, reference, sha256, sourceOf } from '../support/registry-content.ts';
import { type RegistryServer, startRegistry } from '../support/registry-server.ts';
import { makeTempDir } from '../support/temp-dir.ts';

const missing = missingHere({ programs: ['docker-registry', 'openssl'] });
const suffix = missing === undefined ? '' : ` (skipped: ${missing})`;

describe.skipIf(missing !== undefined)(`docker-registry without TLS${suffix}`, () => {
  const temp = makeTempDir('registry');
  let server: RegistryServer;
  const registry = createRegistry({ env: {} });
  const chunked = createRegistry({ env: {}, chunks: { above: 100_000, size: 150_000 } });
  beforeAll(async () => {
    server = await startRegistry(temp.path);
  });
  afterAll(async () => {
    await registry.close();
    await chunked.close();
    await server?.stop();
    temp.remove();
  });

  it('gives back what was pushed to it, by name, by digest and from any offset', async () => {
    const name = reference(`${server.host}/fleet/pushed:1`);
    const config = Buffer.from('{}');
    const layer = randomBytes(400_000);
    const configBlob = blobOf(config, 'application/vnd.oci.image.config.v1+json');
    const layerBlob = blobOf(layer);
    const manifest = manifestOf(configBlob, [layerBlob]);
    let sent = 0;
    const context = { progress: (bytes: number) => (sent += bytes) };
    expect(await registry.has(name, layerBlob, {})).toBe(false);
    expect(await registry.pushBlob(name, layerBlob, sourceOf(layer), context)).toBe('uploaded');
    expect(sent).toBe(layer.length);
    expect(await registry.pushBlob(name, layerBlob, sourceOf(layer), {})).toBe('present');
    expect(await registry.pushBlob(name, configBlob, sourceOf(config), {})).toBe('uploaded');
    expect(await registry.pushManifest(name, manifest.descriptor, manifest.bytes, false, {})).toBe(
      manifest.descriptor.digest,
    );
    expect(await registry.has(name, manifest.descriptor, {})).toBe(true);

    expect(await registry.resolve(name, {})).toEqual(manifest.descriptor);
    const byDigest = reference(`${server.host}/fleet/pushed@${manifest.descriptor.digest}`);
    expect(await registry.resolve(byDigest, {})).toEqual(manifest.descriptor);
    const whole = await registry.fetch(name, layerBlob, 0, {});
    expect(whole.start).toBe(0);
    expect((await gather(whole.bytes)).equals(layer)).toBe(true);
    const rest = await registry.fetch(name, layerBlob, 123_456, {});
    expect(rest.start).toBe(123_456);
    expect((await gather(rest.bytes)).equals(layer.subarray(123_456))).toBe(true);
    const got = await registry.fetch(byDigest, manifest.descriptor, 0, {});
    expect((await gather(got.bytes)).equals(manifest.bytes)).toBe(true);
  });

  it('takes a manifest by digest alone', async () => {
    const name = reference(`${server.host}/fleet/untagged:ignored`);
    const config = Buffer.from('{"untagged":true}');
    const configBlob = blobOf(config, 'application/vnd.oci.image.config.v1+json');
    const manifest = manifestOf(configBlob, []);
    await registry.pushBlob(name, configBlob, sourceOf(config), {});
    await registry.pushManifest(name, manifest.descriptor, manifest.bytes, true, {});
    await expect(registry.resolve(name, {})).rejects.toMatchObject({ code: 'not-found' });
    const byDigest = reference(`${server.host}/fleet/untagged@${manifest.descriptor.digest}`);
    expect(await registry.resolve(byDigest, {})).toEqual(manifest.descriptor);
  });

  it('takes a large blob in chunks, the last one shorter', async () => {
    const name = reference(`${server.host}/fleet/chunks:1`);
    const bytes = randomBytes(1_000_001);
    const source = sourceOf(bytes);
    let sent = 0;
    const context = { progress: (count: number) => (sent += count) };
    expect(await chunked.pushBlob(name, blobOf(bytes), source, context)).toBe('uploaded');
    expect(source.opened).toEqual([0, 150_000, 300_000, 450_000, 600_000, 750_000, 900_000]);
    expect(sent).toBe(bytes.length);
    const { bytes: back } = await chunked.fetch(name, blobOf(bytes), 0, {});
    expect(sha256(await gather(back))).toBe(sha256(bytes));
  });

  it('goes on with a chunk whose source broke in the middle', async () => {
    const name = reference(`${server.host}/fleet/broken-source:1`);
    const bytes = randomBytes(500_000);
    const whole = sourceOf(bytes);
    let broken = false;
    const source = {
      mountFrom: [],
      async *open(offset: number) {
        let given = offset;
        for await (const piece of whole.open(offset)) {
          yield piece;
          given += piece.length;
          if (!broken && given > 200_000) {
            broken = true;
            throw Object.assign(new Error('pulled the plug'), { code: 'ECONNRESET' });
          }
        }
      },
    };
    expect(await chunked.pushBlob(name, blobOf(bytes), source, {})).toBe('uploaded');
    expect(broken).toBe(true);
    const { bytes: back } = await chunked.fetch(name, blobOf(bytes), 0, {});
    expect(sha256(await gather(back))).toBe(sha256(bytes));
  });

  it('mounts a blob from another repository, and takes it where there is nothing to mount', async () => {
    const bytes = randomBytes(50_000);
    const first = reference(`${server.host}/fleet/first:1`);
    await registry.pushBlob(first, blobOf(bytes), sourceOf(bytes), {});
    const mountFrom = ['fleet/first'];
    const source = sourceOf(bytes, { mountFrom });
    const second = reference(`${server.host}/fleet/second:1`);
    expect(await registry.pushBlob(second, blobOf(bytes), source, {})).toBe('mounted');
    expect(source.opened).toEqual([]);
    const other = randomBytes(50_000);
    const third = sourceOf(other, { mountFrom });
    expect(await registry.pushBlob(second, blobOf(other), third, {})).toBe('uploaded');
  });

  it('refuses a blob whose bytes are not those of its digest', async () => {
    const name = reference(`${server.host}/fleet/wrong:1`);
    const wanted = blobOf(randomBytes(1000));
    await expect(registry.pushBlob(name, wanted, sourceOf(randomBytes(1000)), {})).rejects.toMatchObject({
      code: 'failed-precondition',
      message: expect.stringContaining('DIGEST_INVALID'),
    });
    await expect(registry.pushBlob(name, wanted, sourceOf(randomBytes(999)), {})).rejects.toMatchObject({
      code: 'failed-precondition',
      message: expect.stringContaining('not as many as announced'),
    });
  });

  it('says what is not there in its own words', async () => {
    const name = reference(`${server.host}/fleet/absent:1`);
    await expect(registry.resolve(name, {})).rejects.toMatchObject({
      code: 'not-found',
      message: expect.stringMatching(
        new RegExp(`^${server.host}: manifest of fleet/absent:1: HTTP 404: MANIFEST_UNKNOWN`),
      ),
    });
    const blob = blobOf(Buffer.from('absent'));
    await expect(registry.fetch(name, blob, 0, {})).rejects.toMatchObject({ code: 'not-found' });
  });

  it('takes blobs of no bytes', async () => {
    const name = reference(`${server.host}/fleet/empty:1`);
    const empty = Buffer.alloc(0);
    expect(await registry.pushBlob(name, blobOf(empty), sourceOf(empty), {})).toBe('uploaded');
    const { bytes } = await registry.fetch(name, blobOf(empty), 0, {});
    expect(await gather(bytes)).toHaveLength(0);
  });
});

describe.skipIf(missing !== undefined)(`docker-registry with TLS and htpasswd${suffix}`, () => {
  const temp = makeTempDir('auth-registry');
  let server: AuthRegistry;
  const hostsDirectory = join(temp.path, 'certs.d');
  const dockerConfigPath = join(temp.path, 'config.json');
  const open = (options: { hosts?: boolean; config?: boolean } = {}) =>
    createRegistry({
      env: {},
      retry: { tries: 2, baseMs: 1 },
      ...(options.hosts === false ? {} : { hostsDirectory }),
      ...(options.config === false ? {} : { dockerConfigPath }),
    });
  beforeAll(async () => {
    server = await startAuthRegistry(temp.path);
    mkdirSync(join(hostsDirectory, server.host), { recursive: true });
    writeFileSync(
      join(hostsDirectory, server.host, 'hosts.toml'),
      `server = "https://${server.host}"\nca = "${server.ca}"\n`,
    );
    const auth = Buffer.from(`${server.username}:${server.password}`).toString('base64');
    writeFileSync(dockerConfigPath, JSON.stringify({ auths: { [server.host]: { auth } } }));
  });
  afterAll(async () => {
    await server?.stop();
    temp.remove();
  });

  it('is pushed to and pulled from with the credentials of config.json', async () => {
    const registry = open();
    const name = reference(`${server.host}/private/image:1`);
    const config = Buffer.from('{"private":true}');
    const configBlob = blobOf(config, 'application/vnd.oci.image.config.v1+json');
    const layer = randomBytes(200_000);
    const manifest = manifestOf(configBlob, [blobOf(layer)]);
    await registry.pushBlob(name, configBlob, sourceOf(config), {});
    await registry.pushBlob(name, blobOf(layer), sourceOf(layer), {});
    await registry.pushManifest(name, manifest.descriptor, manifest.bytes, false, {});
    expect(await registry.resolve(name, {})).toEqual(manifest.descriptor);
    const { bytes } = await registry.fetch(name, blobOf(layer), 0, {});
    expect(sha256(await gather(bytes))).toBe(sha256(layer));
    await registry.close();
  });

  it('takes the credentials of the call, which win', async () => {
    const registry = open({ config: false });
    const { username, password } = server;
    const name = reference(`${server.host}/private/nothing:1`);
    await expect(registry.resolve(name, { credentials: { username, password } })).rejects.toMatchObject({
      code: 'not-found',
    });
    const refused = registry.resolve(name, { credentials: { username, password: 'wrong horse' } });
    await expect(refused).rejects.toMatchObject({
      code: 'unauthenticated',
      message: expect.not.stringContaining('wrong horse'),
    });
    await registry.close();
  });

  it('refuses who has no credentials, and says what to do', async () => {
    const registry = open({ config: false });
    await expect(registry.resolve(reference(`${server.host}/private/image:1`), {})).rejects.toMatchObject({
      code: 'unauthenticated',
      message: expect.stringContaining(`docker login ${server.host}`),
    });
    await registry.close();
  });

  it('is not trusted without its CA', async () => {
    const registry = createRegistry({ env: {}, hostsDirectory: join(temp.path, 'other') });
    mkdirSync(join(temp.path, 'other', '_default'), { recursive: true });
    writeFileSync(join(temp.path, 'other', '_default', 'hosts.toml'), `server = "https://${server.host}"\n`);
    await expect(registry.resolve(reference(`${server.host}/private/image:1`), {})).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringMatching(/TLS failed.*hosts\.toml/),
    });
    await registry.close();
  });

  it('finds its CA in a folder that holds certificates only', async () => {
    const directory = join(temp.path, 'docker-style');
    mkdirSync(join(directory, server.host), { recursive: true });
    await runProgram('cp', [server.ca, join(directory, server.host, 'ca.crt')]);
    const registry = createRegistry({ env: {}, hostsDirectory: directory, dockerConfigPath });
    const found = await registry.resolve(reference(`${server.host}/private/image:1`), {});
    expect(found.mediaType).toBe('application/vnd.oci.image.manifest.v1+json');
    await registry.close();
  });
});
