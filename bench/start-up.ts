import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { runProgram } from '../test/support/child.ts';
import { containerdArguments, startContainerd } from '../test/support/containerd.ts';
import { interleave, printFigures, timed } from './rig/figures.ts';
import { daemonArguments, programs, startOurs } from './rig/ours.ts';
import { timeToAnswer } from './rig/processes.ts';
import { withScratch } from './rig/scratch.ts';

/**
 * How long the programs take to be there: `shiplog version` and `ctr version` against their daemons, and both daemons
 * on empty folders from exec to their first answered call.
 *
 *     npm run bench -- start-up [ROUNDS]
 */
export const main = async (args: readonly string[]): Promise<void> => {
  const rounds = Number(args[0] ?? 15);
  await withScratch('ext4', async ({ disk, later }) => {
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
        return timeToAnswer(
          programs.shiplogd,
          daemonArguments(own),
          join(own, 's.sock'),
          join(own, 'log.txt'),
        );
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
    const version = await interleave(
      rounds,
      () => timed(() => ours.shiplog('version')),
      () => timed(() => peer.ctr('version')),
    );
    const node: number[] = [];
    for (let round = 0; round < rounds; round += 1)
      node.push(await timed(() => runProgram(process.execPath, ['-e', '0'])));
    printFigures(`Start-up, ${rounds} rounds in turns`, [
      { name: 'shiplog version', unit: 'ms', ...version, bar: { of: 'ours', most: 150 } },
      { name: 'daemon ready on an empty log', unit: 'ms', ...ready, bar: { of: 'ours', most: 200 } },
      { name: 'floor: node -e 0', unit: 'ms', ours: node },
    ]);
  });
};
