import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { runProgram } from '../test/support/child.ts';
import { type PrivateContainerd, startContainerd } from '../test/support/containerd.ts';
import { startRegistry } from '../test/support/registry-server.ts';
import { type Bench, type Figure, interleave, timed } from './rig/figures.ts';
import { pushDebian, pushLayered, sizeOf } from './rig/images.ts';
import { type OwnDaemon, startOurs } from './rig/ours.ts';
import { type DiskKind, withScratch } from './rig/scratch.ts';

const settled = async (snapshots: string): Promise<void> => {
  while (readdirSync(snapshots).length > 0) await sleep(20);
  await runProgram('sync', []);
};

const byOurs = async (ours: OwnDaemon, image: string): Promise<number> => {
  const took = await timed(() => ours.shiplog('pull', '--quiet', image));
  await ours.client.images.remove({ namespace: 'default', image });
  await ours.client.system.gc({});
  await settled(join(ours.root, 'overlayfs', 'snapshots'));
  await settled(join(ours.root, 'overlayfs', 'removed'));
  return took;
};

const byPeer = async (peer: PrivateContainerd, image: string): Promise<number> => {
  const took = await timed(() => peer.ctr('image', 'pull', '--plain-http', image));
  await peer.ctr('image', 'rm', '--sync', image);
  await settled(peer.snapshots);
  return took;
};

/**
 * Pulls and unpacks an image from a docker-registry on loopback, by each side's own command line: `shiplog pull` and
 * `ctr image pull`.
 *
 *     npm run bench -- pull [ROUNDS] [ext4|tmpfs]
 *
 * Both daemons keep everything on one fresh file system. After each pull the image is removed and collected, and the disk
 * is left to settle, outside of the time taken.
 */
export const main: Bench = (args) => {
  const rounds = Number(args[0] ?? 7);
  const disk: DiskKind = args[1] === 'tmpfs' ? 'tmpfs' : 'ext4';
  return withScratch(disk, async (scratch) => {
    const registry = await startRegistry(join(scratch.directory, 'registry'));
    scratch.later(registry.stop);
    const images = [
      { name: 'one layer', image: `${registry.host}/debian:latest`, push: pushDebian },
      { name: 'four layers', image: `${registry.host}/layered:latest`, push: pushLayered },
    ];
    const peer = await startContainerd(join(scratch.disk, 'peer'));
    scratch.later(peer.stop);
    const ours = await startOurs(join(scratch.disk, 'ours'));
    scratch.later(ours.stop);
    const figures: Figure[] = [];
    for (const { name, image, push } of images) {
      const layout = await push(join(scratch.directory, name.replaceAll(' ', '-')), image);
      const taken = await interleave(
        rounds,
        () => byOurs(ours, image),
        () => byPeer(peer, image),
      );
      figures.push({ name, detail: sizeOf(layout), unit: 'ms', ...taken });
    }
    return [
      {
        title: `Pull and unpack onto fresh ${disk}, by the command lines, ${rounds} rounds in turns`,
        figures,
      },
    ];
  });
};
