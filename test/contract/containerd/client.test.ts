import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type ContainerdClient,
  connectContainerd,
  pack,
  packJson,
  specTypeUrl,
  unpack,
} from '../../../src/client/index.ts';
import { StreamInitSchema } from '../../../src/gen/containerd/services/streaming/v1/streaming_pb.ts';
import { type ServedStore, servedStore } from '../../support/containerd-client.ts';
import { digestOf } from '../../support/content-writer.ts';
import { type FaultyRegistry, startFaultyRegistry } from '../../support/faulty-registry.ts';
import { manifestOf } from '../../support/registry-content.ts';

let served: ServedStore;
let client: ContainerdClient;
beforeEach(async () => {
  served = await servedStore();
  client = connectContainerd({
    address: served.address,
    namespace: 'team',
    client: 'crane',
    reason: 'to try',
  });
});
afterEach(async () => {
  client.close();
  await served[Symbol.asyncDispose]();
});

const bytes = Buffer.from(Array.from({ length: 3_000_000 }, (_, n) => n % 251));
const digest = digestOf(bytes);
const whole = { digest, size: bytes.length, from: (offset: number) => [bytes.subarray(offset)] };

describe('content', () => {
  it('is written and read as streams', async () => {
    expect(await client.content.write({ ...whole, labels: { a: '1' } })).toEqual({ digest, existed: false });
    expect(Buffer.from(await client.content.readAll(digest)).equals(bytes)).toBe(true);
    const part: Uint8Array[] = [];
    for await (const piece of client.content.read(digest, { offset: 10, length: 500_000 })) part.push(piece);
    expect(Buffer.concat(part).equals(bytes.subarray(10, 500_010))).toBe(true);
    expect((await client.contentService.info({ digest })).info?.labels).toEqual({ a: '1' });
    expect(await client.content.write(whole)).toEqual({ digest, existed: true });
  });
  it('goes on where an earlier write left off', async () => {
    const torn = {
      ref: 'r',
      digest,
      size: bytes.length,
      from: function* () {
        yield bytes.subarray(0, 1_000_000);
        throw new Error('the source broke');
      },
    };
    await expect(client.content.write(torn)).rejects.toThrow('the source broke');
    const offsets: number[] = [];
    const from = (offset: number) => {
      offsets.push(offset);
      return whole.from(offset);
    };
    await expect
      .poll(() => client.content.write({ ...whole, ref: 'r', from }).catch(() => undefined))
      .toMatchObject({ digest });
    expect(offsets.at(-1)).toBe(1_000_000);
  });
  it('of another digest is refused', async () => {
    const wrong = { ...whole, digest: digestOf('other') };
    await expect(client.content.write(wrong)).rejects.toMatchObject({ code: 'failed-precondition' });
    await expect(client.content.readAll(digest)).rejects.toMatchObject({
      name: 'ShiplogError',
      code: 'not-found',
    });
  });
});

describe('a client', () => {
  it('has a namespace and a lease, and another view of the same connection with others', async () => {
    await client.leases.create({ id: 'mine' });
    await client.with({ lease: 'mine' }).content.write(whole);
    expect((await client.leases.listResources({ id: 'mine' })).resources).toContainEqual(
      expect.objectContaining({ type: 'content', id: digest }),
    );
    const elsewhere = client.with({ namespace: 'other' });
    expect(elsewhere.namespace).toBe('other');
    await expect(elsewhere.content.readAll(digest)).rejects.toMatchObject({ code: 'not-found' });
  });
  it('says who it is, in the log', async () => {
    await client.leases.create({ id: 'mine' });
    const found: object[] = [];
    for await (const batch of served.log.read({ to: served.log.durable }))
      found.push(...batch.map(({ meta }) => meta));
    expect(found).toMatchObject([{ actor: { client: 'crane' }, reason: 'to try' }]);
  });
  it('tells events with their places, from a place on, until it is told to leave', async () => {
    await client.leases.create({ id: 'no news' });
    for (const name of ['a', 'b']) await client.namespaces.create({ namespace: { name } });
    const leave = new AbortController();
    const places: (bigint | undefined)[] = [];
    for await (const { topic, shiplogPosition } of client.subscribe({ from: 0n, signal: leave.signal })) {
      expect(topic).toBe('/namespaces/create');
      places.push(shiplogPosition);
      if (places.length === 2) leave.abort();
    }
    expect(places).toEqual([1n, 2n]);
    const later = client.subscribe({ from: 2n });
    expect((await later.next()).value?.shiplogPosition).toBe(2n);
    await later.return(undefined);
    await expect(client.subscribe({ filters: ['topic='] }).next()).rejects.toMatchObject({
      code: 'invalid-argument',
    });
  });
  it('is cancelled by a signal', async () => {
    const signal = AbortSignal.abort();
    await expect(client.version.version({}, { signal })).rejects.toMatchObject({ code: 'cancelled' });
  });
});

it('messages are packed and unpacked by their names', () => {
  expect(unpack(pack(StreamInitSchema, { id: 'x' }), StreamInitSchema).id).toBe('x');
  expect(() => unpack({ typeUrl: 'other', value: new Uint8Array() }, StreamInitSchema)).toThrow(
    /no containerd/,
  );
  expect(packJson(specTypeUrl, { a: 1 })).toMatchObject({
    typeUrl: specTypeUrl,
    value: Buffer.from('{"a":1}'),
  });
});

describe('transfers', () => {
  let registry: FaultyRegistry;
  beforeEach(async () => {
    registry = await startFaultyRegistry();
    const config = Buffer.from(
      JSON.stringify({ os: 'linux', architecture: 'amd64', rootfs: { type: 'layers', diff_ids: [] } }),
    );
    const mediaType = 'application/vnd.oci.image.config.v1+json';
    const { descriptor, bytes: manifest } = manifestOf(
      { mediaType, digest: digestOf(config) as never, size: config.length },
      [],
    );
    registry.blobs.set(digestOf(config), config);
    for (const ref of [':1', `@${descriptor.digest}`]) {
      registry.manifests.set(`app${ref}`, { bytes: Buffer.from(manifest), mediaType: descriptor.mediaType });
    }
  });
  afterEach(() => registry.close());
  const names = async () => (await client.images.list({})).images.map(({ name }) => name);

  it('pull with an account, push, tag, export and import', async () => {
    registry.guard = ({ headers }, response) => {
      if (headers.authorization?.startsWith('Basic ')) return true;
      response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end();
      return false;
    };
    const asked: string[] = [];
    const account = (host: string) => {
      asked.push(host);
      return { username: 'u', password: 'p' };
    };
    const events: string[] = [];
    const onProgress = ({ event }: { event: string }) => void events.push(event);
    await client.transfers.pull(`${registry.host}/app:1`, {
      name: 'docker.io/library/app:1',
      account,
      onProgress,
    });
    expect(asked).toEqual([registry.host]);
    expect(events.at(-1)).toMatch(/^Completed pull/);
    await client.transfers.push('docker.io/library/app:1', `${registry.host}/copy:2`, { account });
    expect(registry.manifests.has('copy:2')).toBe(true);
    await client.transfers.tag('docker.io/library/app:1', 'docker.io/library/app:2');
    const archive: Uint8Array[] = [];
    for await (const piece of client.transfers.export(['docker.io/library/app:2'])) archive.push(piece);
    await client.images.delete({ name: 'docker.io/library/app:2', sync: true });
    expect(await names()).toEqual(['docker.io/library/app:1']);
    await client.transfers.import(
      (async function* () {
        yield* archive;
      })(),
    );
    expect(await names()).toEqual(['docker.io/library/app:1', 'docker.io/library/app:2']);
  });

  it('fail with the code of the daemon, also in the middle of a stream', async () => {
    const nobody = (async () => {
      for await (const _ of client.transfers.export(['nobody'])) throw new Error('bytes of nothing');
    })();
    await expect(nobody).rejects.toMatchObject({ code: 'not-found' });
    await expect(client.transfers.pull(`${registry.host}/none:1`)).rejects.toMatchObject({
      code: 'not-found',
    });
    const broken = client.transfers.import(
      (async function* () {
        yield Buffer.alloc(100, 'x');
        throw new Error('the disk broke');
      })(),
    );
    await expect(broken).rejects.toThrow(/the disk broke/);
    expect(await names()).toEqual([]);
  });
});
