import { existsSync, lstatSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ServiceClient } from '../../../src/client/service-client.ts';
import { Content } from '../../../src/gen/containerd/services/content/v1/content_pb.ts';
import { Diff } from '../../../src/gen/containerd/services/diff/v1/diff_pb.ts';
import { Snapshots } from '../../../src/gen/containerd/services/snapshots/v1/snapshots_pb.ts';
import type { Mount } from '../../../src/gen/containerd/types/mount_pb.ts';
import { type ServedStore, servedStore } from '../../support/containerd-client.ts';
import { ContentStream, digestOf } from '../../support/content-writer.ts';
import { GZIP_LAYER, PLAIN_LAYER } from '../../support/layers.ts';
import { missingHere } from '../../support/machine.ts';
import { directory, file, tarOf } from '../../support/tar.ts';

const missing = missingHere({ root: true });

let served: ServedStore;
let diff: ServiceClient<typeof Diff>;
let snapshots: ServiceClient<typeof Snapshots>;
beforeEach(async () => {
  served = await servedStore();
  diff = served.client(Diff);
  snapshots = served.client(Snapshots);
});
afterEach(() => served[Symbol.asyncDispose]());

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

  it('leaves a snapshot alone that holds files already', async () => {
    const mounts = await prepared('base');
    writeFileSync(join(upper(mounts), 'mine'), 'kept');
    await expect(apply(await push(base, PLAIN_LAYER), mounts)).rejects.toMatchObject({
      code: 'failed-precondition',
    });
    expect(existsSync(join(upper(mounts), 'mine'))).toBe(true);
  });

  it('refuses what is no layer, what is broken and what is not there', async () => {
    const mounts = await prepared('base');
    const garbled = gzipSync(base).subarray(0, 60);
    await expect(apply(await push(garbled, GZIP_LAYER), mounts)).rejects.toMatchObject({
      code: 'failed-precondition',
    });
    await expect(apply(await push(base, 'text/plain'), mounts)).rejects.toMatchObject({
      code: 'unimplemented',
    });
    const absent = { mediaType: PLAIN_LAYER, digest: digestOf(next), size: BigInt(next.length) };
    await expect(apply(absent, mounts)).rejects.toMatchObject({ code: 'not-found' });
  });
});

describe('mounts that are not of an active snapshot here', () => {
  it('are refused', async () => {
    const layer = await push(base, PLAIN_LAYER);
    const mounts = await prepared('base');
    const bind = (source: string, ...options: string[]) =>
      [{ type: 'bind', source, options, target: '' }] as unknown as readonly Mount[];
    for (const foreign of [
      [],
      bind('/var/tmp/elsewhere', 'rw', 'rbind'),
      bind(upper(mounts), 'ro', 'rbind'),
      bind(join(upper(mounts), '../../nosuch/fs'), 'rw', 'rbind'),
      [...mounts, ...mounts],
    ]) {
      await expect(apply(layer, foreign)).rejects.toMatchObject({ code: 'unimplemented' });
    }
    await snapshots.commit({ snapshotter: 'overlayfs', name: 'layer', key: 'base' });
    await expect(apply(layer, mounts)).rejects.toMatchObject({ code: 'unimplemented' });
  });
});
