import { lstatSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { create, toBinary } from '@bufbuild/protobuf';
import { AnySchema } from '@bufbuild/protobuf/wkt';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ServiceClient } from '../../../src/client/service-client.ts';
import { Content } from '../../../src/gen/containerd/services/content/v1/content_pb.ts';
import { Diff } from '../../../src/gen/containerd/services/diff/v1/diff_pb.ts';
import { Leases } from '../../../src/gen/containerd/services/leases/v1/leases_pb.ts';
import { Snapshots } from '../../../src/gen/containerd/services/snapshots/v1/snapshots_pb.ts';
import type { Mount } from '../../../src/gen/containerd/types/mount_pb.ts';
import { type ServedStore, servedStore } from '../../support/containerd-client.ts';
import { ContentStream, digestOf } from '../../support/content-writer.ts';
import { GZIP_LAYER, PLAIN_LAYER } from '../../support/layers.ts';
import { missingHere } from '../../support/machine.ts';
import { directory, file, symlink, tarOf } from '../../support/tar.ts';
import { makeTempDir } from '../../support/temp-dir.ts';

const missing = missingHere({ root: true });

let scratch: ReturnType<typeof makeTempDir>;
let served: ServedStore;
let diff: ServiceClient<typeof Diff>;
let snapshots: ServiceClient<typeof Snapshots>;
beforeEach(async () => {
  scratch = makeTempDir('elsewhere', '/var/tmp');
  served = await servedStore();
  diff = served.client(Diff);
  snapshots = served.client(Snapshots);
});
afterEach(async () => {
  await served[Symbol.asyncDispose]();
  scratch.remove();
});

/** A directory that Shiplog knows nothing of. */
const elsewhere = (name = 'x'): string => {
  const path = join(scratch.path, name);
  mkdirSync(path, { recursive: true });
  return path;
};

/** Puts bytes into the namespace as a client does. */
const push = async (bytes: Uint8Array, mediaType: string) => {
  const stream = new ContentStream(served.client(Content));
  await stream.stat('layer');
  await stream.write(bytes);
  const { digest } = await stream.commit(bytes.length);
  return { mediaType, digest, size: BigInt(bytes.length) };
};

const prepared = async (key: string, parent = ''): Promise<readonly Mount[]> =>
  (await snapshots.prepare({ snapshotter: 'overlayfs', key, parent })).mounts;
const apply = async (layer: Awaited<ReturnType<typeof push>>, mounts: readonly Mount[]) =>
  (await diff.apply({ diff: layer, mounts: [...mounts] })).applied;
const upper = ([mount]: readonly Mount[]): string =>
  mount?.options.find((option) => option.startsWith('upperdir='))?.slice('upperdir='.length) ??
  mount?.source ??
  '';

const base = tarOf([directory('etc/'), file('etc/name', 'base'), file('etc/gone', 'soon')]);
const next = tarOf([directory('etc/'), file('etc/name', 'next'), file('etc/.wh.gone', '')]);

describe.skipIf(missing !== undefined)(`apply ${missing ?? ''}`, () => {
  it.each([
    ['a plain layer', PLAIN_LAYER, base],
    ['a gzipped layer', GZIP_LAYER, gzipSync(base)],
    ["Docker's layer", 'application/vnd.docker.image.rootfs.diff.tar.gzip', gzipSync(base)],
  ])('unpacks %s and tells the digest of its tar', async (_, mediaType, bytes) => {
    const mounts = await prepared('base');
    const applied = await apply(await push(bytes, mediaType), mounts);
    expect(applied).toMatchObject({
      mediaType: PLAIN_LAYER,
      digest: digestOf(base),
      size: BigInt(base.length),
    });
    expect(readFileSync(join(upper(mounts), 'etc/name'), 'utf8')).toBe('base');
  });

  it('unpacks onto parents, with whiteouts as overlayfs has them', async () => {
    await apply(await push(base, PLAIN_LAYER), await prepared('one'));
    await snapshots.commit({ snapshotter: 'overlayfs', name: 'layer', key: 'one' });
    const mounts = await prepared('two', 'layer');
    await apply(await push(gzipSync(next), GZIP_LAYER), mounts);
    expect(readFileSync(join(upper(mounts), 'etc/name'), 'utf8')).toBe('next');
    expect(lstatSync(join(upper(mounts), 'etc/gone')).isCharacterDevice()).toBe(true);
  });

  it('lays a layer over files that are there', async () => {
    const mounts = await prepared('base');
    writeFileSync(join(upper(mounts), 'mine'), 'kept');
    await apply(await push(base, PLAIN_LAYER), mounts);
    await apply(await push(next, PLAIN_LAYER), mounts);
    expect(readdirSync(upper(mounts), { recursive: true }).sort()).toEqual(['etc', 'etc/name', 'mine']);
    expect(readFileSync(join(upper(mounts), 'etc/name'), 'utf8')).toBe('next');
  });

  it.each([
    [
      'of another snapshotter',
      async () => (await snapshots.prepare({ snapshotter: 'native', key: 'n' })).mounts,
    ],
    [
      'of nobody here',
      async () => [{ type: 'bind', source: elsewhere(), options: ['rw', 'rbind'] } as Mount],
    ],
    [
      'of an overlay that a client put together',
      async () => {
        const [low, up, work] = ['low', 'up', 'work'].map((name) => elsewhere(name));
        writeFileSync(join(low ?? '', 'beneath'), 'x');
        const options = [`lowerdir=${low}`, `upperdir=${up}`, `workdir=${work}`];
        return [{ type: 'overlay', source: 'overlay', options } as Mount];
      },
    ],
  ])('unpacks onto mounts %s', async (_, mountsOf) => {
    const mounts = await mountsOf();
    const applied = await apply(await push(gzipSync(base), GZIP_LAYER), mounts);
    expect(applied).toMatchObject({ digest: digestOf(base), size: BigInt(base.length) });
    await apply(await push(next, PLAIN_LAYER), mounts);
    expect(readFileSync(join(upper(mounts), 'etc/name'), 'utf8')).toBe('next');
    // in the upper directory of an overlay nothing is left of what came and went in it
    expect(readdirSync(upper(mounts), { recursive: true }).sort()).toEqual(['etc', 'etc/name']);
  });

  it('lets no symlink lead out of the mounts', async () => {
    const outside = elsewhere('outside');
    const target = elsewhere('target');
    symlinkSync(outside, join(target, 'way'));
    const mounts = [
      { type: 'bind', source: target, options: ['rw', 'rbind'] },
    ] as unknown as readonly Mount[];
    const layer = tarOf([
      symlink('out', outside),
      file('out/one', 'x'),
      file('way/two', 'x'),
      file(`../${outside}/three`, 'x'),
    ]);
    await expect(apply(await push(layer, PLAIN_LAYER), mounts)).rejects.toMatchObject({
      code: 'failed-precondition',
      message: /would leave the layer/,
    });
    expect(readdirSync(outside)).toEqual([]);
    expect(readFileSync(join(target, outside, 'one'), 'utf8')).toBe('x');
    expect(readFileSync(join(target, outside, 'two'), 'utf8')).toBe('x');
  });

  it('refuses what is no layer, what is broken and what is not there', async () => {
    const mounts = await prepared('base');
    const garbled = gzipSync(base).subarray(0, 60);
    await expect(apply(await push(garbled, GZIP_LAYER), mounts)).rejects.toMatchObject({
      code: 'failed-precondition',
    });
    await expect(apply(await push(Buffer.from('text'), 'text/plain'), mounts)).rejects.toMatchObject({
      code: 'unimplemented',
    });
    const whole = tarOf([directory('a/')]);
    await expect(apply(await push(whole, PLAIN_LAYER), [])).rejects.toMatchObject({
      code: 'invalid-argument',
    });
    const absent = { mediaType: PLAIN_LAYER, digest: digestOf(next), size: BigInt(next.length) };
    await expect(apply(absent, mounts)).rejects.toMatchObject({ code: 'not-found' });
  });
});

describe.skipIf(missing !== undefined)(`layers of other media types ${missing ?? ''}`, () => {
  const sealed = 'application/vnd.example.layer.v1.tar+sealed';
  const zipped = 'application/vnd.example.layer.v1.tar+zipped';
  const broken = 'application/vnd.example.layer.v1.tar+broken';
  const processor = (id: string, accepts: string, returns: string, script: string, ...env: string[]) => ({
    ...{ id, accepts: [accepts], returns, path: '/bin/sh', args: ['-c', script], env },
  });
  const rot = 'tr "\\000-\\377" "\\200-\\377\\000-\\177"';
  const turned = (bytes: Buffer) => Buffer.from(bytes.map((byte) => (byte + 128) % 256));
  beforeEach(async () => {
    await served[Symbol.asyncDispose]();
    served = await servedStore({
      processors: [
        processor(
          'unseal',
          sealed,
          GZIP_LAYER,
          `cat <&3 > $KEPT; echo $STREAM_PROCESSOR_MEDIATYPE >> $KEPT; ${rot}`,
          `KEPT=${elsewhere()}/kept`,
        ),
        processor('unzip', zipped, sealed, 'cat'),
        processor('broken', broken, PLAIN_LAYER, 'head -c 100; echo "no key for this layer" >&2; exit 3'),
        processor('circle', 'application/vnd.example.a', 'application/vnd.example.a', 'cat'),
      ],
    });
    diff = served.client(Diff);
    snapshots = served.client(Snapshots);
  });

  it('go through the programs that are configured, which get their payloads', async () => {
    const mounts = await prepared('base');
    const layer = await push(turned(gzipSync(base)), zipped);
    const payloads = { unseal: { typeUrl: 'example/Key', value: Buffer.from('secret') } };
    const { applied } = await diff.apply({ diff: layer, mounts: [...mounts], payloads });
    expect(applied).toMatchObject({ mediaType: PLAIN_LAYER, digest: digestOf(base) });
    expect(readFileSync(join(upper(mounts), 'etc/name'), 'utf8')).toBe('base');
    const kept = readFileSync(join(elsewhere(), 'kept'));
    expect(kept.toString('latin1')).toBe(
      `${Buffer.from(toBinary(AnySchema, create(AnySchema, payloads.unseal))).toString('latin1')}${sealed}\n`,
    );
    const native = (await snapshots.prepare({ snapshotter: 'native', key: 'n' })).mounts;
    expect((await diff.apply({ diff: layer, mounts: native, payloads })).applied?.digest).toBe(
      digestOf(base),
    );
  });

  it('are told in the words of a program that fails', async () => {
    const layer = await push(base, broken);
    await expect(apply(layer, await prepared('base'))).rejects.toMatchObject({
      code: 'failed-precondition',
      message: expect.stringMatching(
        /stream processor 'broken' \(\/bin\/sh\) ended with code 3: no key for this layer/,
      ),
    });
    const round = await push(next, 'application/vnd.example.a');
    await expect(apply(round, await prepared('round'))).rejects.toMatchObject({
      code: 'failed-precondition',
    });
  });
});

describe.skipIf(missing !== undefined)(`diff ${missing ?? ''}`, () => {
  const changed = async () => {
    await apply(await push(base, PLAIN_LAYER), await prepared('one'));
    await snapshots.commit({ snapshotter: 'overlayfs', name: 'layer', key: 'one' });
    const right = await prepared('two', 'layer');
    await apply(await push(gzipSync(next), GZIP_LAYER), right);
    const left = (await snapshots.view({ snapshotter: 'overlayfs', key: 'before', parent: 'layer' })).mounts;
    return { left, right: [...right] };
  };
  const content = (lease?: string) => served.client(Content, lease === undefined ? {} : { lease });
  const read = async (digest: string) => {
    const pieces: Uint8Array[] = [];
    for await (const { data } of content().read({ digest })) pieces.push(data);
    return Buffer.concat(pieces);
  };

  it('writes what changed as a layer, with its uncompressed digest and the labels it was given', async () => {
    const trees = await changed();
    const { diff: layer } = await diff.diff({ ...trees, ref: 'made', labels: { team: 'a' } });
    expect(layer?.mediaType).toBe(GZIP_LAYER);
    const bytes = await read(layer?.digest ?? '');
    expect([BigInt(bytes.length), digestOf(bytes)]).toEqual([layer?.size, layer?.digest]);
    const tar = gunzipSync(bytes);
    expect((await content().info({ digest: layer?.digest ?? '' })).info?.labels).toEqual({
      team: 'a',
      'containerd.io/uncompressed': digestOf(tar),
    });
    const plain = await diff.diff({ ...trees, mediaType: PLAIN_LAYER });
    expect(plain.diff).toMatchObject({ mediaType: PLAIN_LAYER, digest: digestOf(tar) });
    const again = (await snapshots.prepare({ snapshotter: 'overlayfs', key: 'again', parent: 'layer' }))
      .mounts;
    expect((await diff.apply({ diff: layer, mounts: again })).applied?.digest).toBe(digestOf(tar));
    expect(lstatSync(join(upper(again), 'etc/gone')).isCharacterDevice()).toBe(true);
    const { statuses } = await content().listStatuses({});
    expect(statuses).toEqual([]);
  });

  it('made a second time is there already, and told all the same', async () => {
    const trees = await changed();
    const first = await diff.diff({ ...trees, mediaType: PLAIN_LAYER });
    const digest = first.diff?.digest ?? '';
    await content().update({ info: { digest, labels: {} }, updateMask: { paths: ['labels'] } });
    expect((await diff.diff({ ...trees, mediaType: PLAIN_LAYER })).diff).toEqual(first.diff);
    expect((await content().info({ digest })).info?.labels).toEqual({ 'containerd.io/uncompressed': digest });
  });

  it('stands under the lease of the call', async () => {
    const leases = served.client(Leases);
    await leases.create({ id: 'l' });
    const { diff: layer } = await served.client(Diff, { lease: 'l' }).diff(await changed());
    const { resources } = await leases.listResources({ id: 'l' });
    expect(resources.map(({ type, id }) => [type, id])).toContainEqual(['content', layer?.digest]);
  });

  it('refuses what it can not make, and leaves no write behind', async () => {
    const trees = await changed();
    await expect(diff.diff({ ...trees, mediaType: 'text/plain' })).rejects.toMatchObject({
      code: 'unimplemented',
      message: /unsupported diff media type: text\/plain: not implemented/,
    });
    const nowhere = [{ type: 'bind', source: '/nowhere', options: ['rbind'] }];
    await expect(diff.diff({ left: trees.left, right: nowhere })).rejects.toMatchObject({ code: 'internal' });
    expect((await content().listStatuses({})).statuses).toEqual([]);
  });
});
