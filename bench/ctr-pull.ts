import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { runProgram } from '../test/support/child.ts';
import { startContainerd } from '../test/support/containerd.ts';
import { startRegistry } from '../test/support/registry-server.ts';
import { type Ctr, ctrAt } from './rig/ctr.ts';
import { type Bench, type Figure, interleave, timed } from './rig/figures.ts';
import { pushDebian, pushLayered, sizeOf } from './rig/images.ts';
import { startOurs } from './rig/ours.ts';
import { withScratch } from './rig/scratch.ts';

/** Waits until nothing is in the folders, then until the disk has it. */
const settled = async (...folders: readonly string[]): Promise<void> => {
  for (const folder of folders) while (readdirSync(folder).length > 0) await sleep(20);
  await runProgram('sync', []);
};

/**
 * `ctr images pull` from a docker-registry on loopback, by Debian's `ctr`, on each daemon's socket in turns: ctr fetches,
 * writes content, prepares snapshots and has layers applied.
 *
 *     npm run bench -- ctr-pull [ROUNDS]
 *
 * After each pull the image is removed and collected, and the disk is left to settle, outside of the time taken.
 */
export const main: Bench = (args) => {
  const rounds = Number(args[0] ?? 7);
  return withScratch('ext4', async ({ directory, disk, later }) => {
    const registry = await startRegistry(join(directory, 'registry'));
    later(registry.stop);
    const peer = await startContainerd(join(disk, 'peer'));
    later(peer.stop);
    const ours = await startOurs(join(disk, 'ours'));
    later(ours.stop);
    const bytes = join(ours.root, 'overlayfs');
    const pulled = (ctr: Ctr, image: string, folders: readonly string[]) => async () => {
      const took = await timed(() => ctr('images', 'pull', '--plain-http', image));
      await ctr('images', 'rm', '--sync', image);
      await settled(...folders);
      return took;
    };
    const figures: Figure[] = [];
    for (const [name, folder, push] of [
      ['ctr images pull, one layer', 'debian', pushDebian],
      ['ctr images pull, four layers', 'layered', pushLayered],
    ] as const) {
      const image = `${registry.host}/${folder}:latest`;
      const detail = sizeOf(await push(join(directory, folder), image));
      const taken = await interleave(
        rounds,
        pulled(ctrAt(ours.address), image, [join(bytes, 'snapshots'), join(bytes, 'removed')]),
        pulled(ctrAt(peer.address), image, [peer.snapshots]),
      );
      figures.push({ name, detail, unit: 'ms', ...taken });
    }
    return [{ title: `Pull and unpack onto fresh ext4 by ctr, ${rounds} rounds in turns`, figures }];
  });
};
