import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { runProgram } from '../test/support/child.ts';
import { type PrivateContainerd, startContainerd } from '../test/support/containerd.ts';
import type { Layout } from '../test/support/oci-layout.ts';
import { pushLayout, startRegistry } from '../test/support/registry-server.ts';
import { type Bench, type Figure, timed } from './rig/figures.ts';
import { pushDebian, sizeOf } from './rig/images.ts';
import { type OwnDaemon, startOurs } from './rig/ours.ts';
import { type DiskKind, type Scratch, withScratch } from './rig/scratch.ts';
import { extractByTar } from './rig/tar.ts';
import { type Packing, tenLayers } from './rig/ten-layers.ts';

/** Milliseconds of one turn. */
interface Turn {
  readonly pull: number;
  /** Until the command line has ended. */
  readonly answered: number;
  /** Until the bytes are gone from the disk. */
  readonly removed: number;
}

const synced = (): Promise<unknown> => runProgram('sync', []);

const emptied = async (folders: readonly string[]): Promise<void> => {
  for (const folder of folders) while (readdirSync(folder).length > 0) await sleep(2);
};

/** @param folders where the bytes of images lie */
const turn = async (
  pull: () => Promise<unknown>,
  remove: () => Promise<unknown>,
  folders: readonly string[],
): Promise<Turn> => {
  const pulled = await timed(pull);
  await synced();
  const started = performance.now();
  await remove();
  const answered = performance.now() - started;
  await emptied(folders);
  const removed = performance.now() - started;
  await synced();
  return { pull: pulled, answered, removed };
};

const byOurs = ({ shiplog, root }: OwnDaemon, image: string): Promise<Turn> =>
  turn(
    () => shiplog('pull', '--quiet', image),
    // It collects what nothing else holds.
    () => shiplog('rmi', image),
    ['overlayfs/snapshots', 'overlayfs/removed', 'content/blobs/sha256'].map((folder) => join(root, folder)),
  );

const byPeer = ({ ctr, snapshots, blobs }: PrivateContainerd, image: string): Promise<Turn> =>
  turn(
    () => ctr('image', 'pull', '--plain-http', image),
    () => ctr('image', 'rm', '--sync', image),
    [snapshots, blobs],
  );

const byTar = async (layout: Layout, into: string): Promise<number> => {
  const took = await timed(() => extractByTar(layout, into));
  await synced();
  rmSync(into, { recursive: true });
  await synced();
  return took;
};

const pushTenLayers =
  (packing: Packing) =>
  async (_directory: string, target: string): Promise<Layout> => {
    const layout = await tenLayers(packing);
    await pushLayout(layout, target);
    return layout;
  };

const images = [
  { key: 'gzip', name: 'ten gzip layers', push: pushTenLayers('gzip'), also: true },
  { key: 'zstd', name: 'ten zstd layers', push: pushTenLayers('zstd'), also: false },
  { key: 'debian', name: 'one layer', push: pushDebian, also: false },
] as const;

/** Pulls an image in turns; `also` beside tar, and how it is removed. */
const measure = async (
  { key, name, push, also }: (typeof images)[number],
  rounds: number,
  { registry, ours, peer, scratch }: Setting,
): Promise<readonly Figure[]> => {
  const image = `${registry}/${key}:latest`;
  const layout = await push(join(scratch.directory, key), image);
  const taken = { ours: [] as Turn[], peer: [] as Turn[], tar: [] as number[] };
  for (let round = -1; round < rounds; round += 1) {
    const both = { ours: await byOurs(ours, image), peer: await byPeer(peer, image) };
    const tar = also ? await byTar(layout, join(scratch.disk, 'tar')) : Number.NaN;
    if (round < 0) continue;
    taken.ours.push(both.ours);
    taken.peer.push(both.peer);
    taken.tar.push(tar);
  }
  const of = (part: keyof Turn) => ({
    ...{ detail: sizeOf(layout), unit: 'ms' as const },
    ours: taken.ours.map((turn) => turn[part]),
    peer: taken.peer.map((turn) => turn[part]),
  });
  if (!also) return [{ name, ...of('pull') }];
  return [
    { name, ...of('pull') },
    { name: `${name}, by tar`, ...of('pull'), peer: taken.tar, peerName: 'tar -xz, two at a time' },
    { name: 'removing ten layers', ...of('removed') },
    { name: 'removing ten layers, until answered', ...of('answered') },
  ];
};

interface Setting {
  /** `HOST:PORT` */
  readonly registry: string;
  readonly ours: OwnDaemon;
  readonly peer: PrivateContainerd;
  readonly scratch: Scratch;
}

/**
 * Pulls and unpacks images from a docker-registry on loopback, and removes them again, by each side's own command lines:
 * `shiplog pull` and `rmi`, and `ctr image pull` and `rm --sync`. Removed is what is gone from the disk.
 *
 *     npm run bench -- pull [ROUNDS] [ext4|tmpfs] [IMAGE…]
 *
 * Both daemons keep everything on one fresh file system, where `tar` has its turn too. After each turn the disk is synced,
 * outside of the time taken.
 */
export const main: Bench = (args) => {
  const [rounds = '7', kind, ...names] = args;
  const disk: DiskKind = kind === 'tmpfs' ? 'tmpfs' : 'ext4';
  return withScratch(disk, async (scratch) => {
    const registry = await startRegistry(join(scratch.directory, 'registry'));
    scratch.later(registry.stop);
    const peer = await startContainerd(join(scratch.disk, 'peer'));
    scratch.later(peer.stop);
    const ours = await startOurs(join(scratch.disk, 'ours'));
    scratch.later(ours.stop);
    const setting = { registry: registry.host, ours, peer, scratch };
    const figures: Figure[] = [];
    for (const image of images.filter(({ key }) => names.length === 0 || names.includes(key))) {
      figures.push(...(await measure(image, Number(rounds), setting)));
    }
    return [
      {
        title: `Pull and unpack onto fresh ${disk}, by the command lines, ${rounds} rounds in turns`,
        figures,
      },
    ];
  });
};
