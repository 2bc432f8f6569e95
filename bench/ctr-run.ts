import { join } from 'node:path';
import { startContainerd } from '../test/support/containerd.ts';
import { type Ctr, ctrAt } from './rig/ctr.ts';
import { type Bench, type Figure, interleave, timed } from './rig/figures.ts';
import { archiveBusybox } from './rig/images.ts';
import { startOurs } from './rig/ours.ts';
import { withScratch } from './rig/scratch.ts';

/**
 * `ctr run --rm` of busybox's `true` by Debian's `ctr`, on each daemon's socket in turns.
 *
 *     npm run bench -- ctr-run [ROUNDS]
 *
 * Once from an image, whose snapshot ctr prepares, and once on a directory. A lease, the image's manifest and
 * configuration, the snapshot, the container, its task, the wait, and all of it removed: some 30 calls on each side. ctr
 * returns when the last of them has been answered; nothing is given time to settle before the other's turn.
 */
export const main: Bench = (args) => {
  const rounds = Number(args[0] ?? 30);
  return withScratch('ext4', async ({ directory, disk, later }) => {
    const containerd = await startContainerd(join(disk, 'peer'));
    later(containerd.stop);
    const ours = await startOurs(join(disk, 'ours'));
    later(ours.stop);
    const [onOurs, onPeer] = [ctrAt(ours.address), ctrAt(containerd.address)];
    const image = 'bench.test/busybox:1';
    const { archive, root } = await archiveBusybox(join(directory, 'image'), image);
    for (const ctr of [onOurs, onPeer]) await ctr('image', 'import', archive);

    let run = 0;
    const compare = async (name: string, what: readonly string[]): Promise<Figure> => {
      const once = (ctr: Ctr) => () => {
        run += 1;
        return timed(() => ctr('run', '--rm', ...what, `run-${run}`, '/bin/true'));
      };
      const taken = await interleave(rounds, once(onOurs), once(onPeer), 5);
      return { name, unit: 'ms', ...taken };
    };
    const figures = [
      await compare('ctr run --rm of an image', [image]),
      await compare('ctr run --rm --rootfs', ['--rootfs', root]),
      await compare('ctr run --rm of an image, null streams', ['--null-io', image]),
    ];
    return [{ title: `A container that exits at once, by ctr, ${rounds} rounds in turns`, figures }];
  });
};
