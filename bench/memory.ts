import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startContainerd } from '../test/support/containerd.ts';
import type { Bench, Figure } from './rig/figures.ts';
import { holderPid, startOurs } from './rig/ours.ts';
import { residentMB } from './rig/processes.ts';
import { withScratch } from './rig/scratch.ts';

/**
 * Resident memory of the daemons when they have nothing to do, seconds after their start on empty folders.
 *
 *     npm run bench -- memory [SECONDS] [ROUNDS]
 */
export const main: Bench = (args) => {
  const seconds = Number(args[0] ?? 6);
  const rounds = Number(args[1] ?? 3);
  return withScratch('ext4', async ({ disk }) => {
    const taken = { ours: [] as number[], holder: [] as number[], peer: [] as number[] };
    for (let round = 0; round < rounds; round += 1) {
      const own = join(disk, `ours${round}`);
      const ours = await startOurs(own);
      const peer = await startContainerd(join(disk, `peer${round}`));
      await sleep(seconds * 1000);
      taken.ours.push(residentMB(ours.pid));
      taken.peer.push(residentMB(peer.pid));
      const holder = holderPid(own);
      if (holder !== undefined) taken.holder.push(residentMB(holder));
      await peer.stop();
      await ours.stop();
    }
    const figures: Figure[] = [
      { name: 'idle daemon', unit: 'MB', ours: taken.ours, peer: taken.peer },
      ...(taken.holder.length === 0
        ? []
        : [{ name: 'beside it: the holder of streams', unit: 'MB', ours: taken.holder } as const]),
    ];
    return [{ title: `Resident memory, ${seconds} s after the start, ${rounds} rounds`, figures }];
  });
};
