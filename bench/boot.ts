import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { runProgram } from '../test/support/child.ts';
import { containerdArguments, startContainerd } from '../test/support/containerd.ts';
import { type Bench, interleave, timed } from './rig/figures.ts';
import { daemonArguments, programs, startOurs } from './rig/ours.ts';
import { timeToAnswer } from './rig/processes.ts';
import { withScratch } from './rig/scratch.ts';

/**
 * How long the programs take to be there: `shiplog version` and `ctr version` against their daemons, and both daemons
 * on empty folders from exec to their first answered call.
 *
 *     npm run bench -- boot [ROUNDS]
 */
export const main: Bench = (args) => {
  const rounds = Number(args[0] ?? 9);
  return withScratch('ext4', async ({ disk, later }) => {
    let fresh = 0;
    const directory = (): string => {
      fresh += 1;
      const made = join(disk, `${fresh}`);
      mkdirSync(made);
      return made;
    };
    const ready = await interleave(
      rounds,
      async () => {
        const own = directory();
        const [args, socket] = [daemonArguments(own), join(own, 's.sock')];
        return timeToAnswer(programs.shiplogd, args, socket, join(own, 'log.txt'));
      },
      async () => {
        const own = directory();
        const { args, address } = await containerdArguments(own);
        return timeToAnswer('containerd', args, address, join(own, 'log.txt'));
      },
    );
    const peer = await startContainerd(join(disk, 'peer'));
    later(peer.stop);
    const ours = await startOurs(join(disk, 'ours'));
    later(ours.stop);
    const ps = await interleave(
      rounds,
      () => timed(() => ours.shiplog('ps')),
      () => timed(() => peer.ctr('tasks', 'ls')),
    );
    const node: number[] = [];
    for (let round = 0; round < rounds; round += 1)
      node.push(await timed(() => runProgram(process.execPath, ['-e', '0'])));
    const figures = [
      { name: 'ready, empty', unit: 'ms', ...ready } as const,
      { name: 'shiplog ps', detail: 'beside ctr tasks ls', unit: 'ms', ...ps } as const,
      { name: 'floor: node -e 0', unit: 'ms', ours: node } as const,
    ];
    return [{ title: `Start-up, ${rounds} rounds in turns`, figures }];
  });
};
