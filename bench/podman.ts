import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { runProgram } from '../test/support/child.ts';
import { startRegistry } from '../test/support/registry-server.ts';
import { type Bench, type Figure, interleave, timed } from './rig/figures.ts';
import { pushBusybox, pushDebian, sizeOf } from './rig/images.ts';
import { startOurs } from './rig/ours.ts';
import { modestLimits, podmanIn } from './rig/podman.ts';
import { withScratch } from './rig/scratch.ts';

/** What is freed after our answer must not weigh on the other's turn. */
const settleMs = 150;
const peerName = 'podman';

/**
 * The same by podman's command line, which has no daemon: a pull from a registry on loopback, and `run --rm` of busybox's
 * `true` without a network, both with runc and conmon.
 *
 *     npm run bench -- podman [ROUNDS]
 */
export const main: Bench = (args) => {
  const rounds = Number(args[0] ?? 10);
  return withScratch('ext4', async ({ directory, disk, later }) => {
    const registry = await startRegistry(join(directory, 'registry'));
    later(registry.stop);
    const [busybox, debian] = ['busybox', 'debian'].map((name) => `${registry.host}/${name}:latest`);
    if (busybox === undefined || debian === undefined) throw new Error('two images are needed');
    await pushBusybox(join(directory, 'busybox'), busybox);
    const detail = sizeOf(await pushDebian(join(directory, 'debian'), debian));
    const podman = podmanIn(join(disk, 'podman'));
    later(async () => {
      await podman('rmi', '--all', '--force');
    });
    const ours = await startOurs(join(disk, 'ours'));
    later(ours.stop);
    const fromPlain = ['pull', '--quiet', '--tls-verify=false'];
    await ours.shiplog('pull', busybox);
    await podman(...fromPlain, busybox);

    const run = await interleave(
      rounds,
      async () => {
        const taken = await timed(() =>
          ours.shiplog('run', '--rm', '--network', 'none', busybox, '/bin/true'),
        );
        await sleep(settleMs);
        return taken;
      },
      () => timed(() => podman('run', '--rm', '--network', 'none', ...modestLimits, busybox, '/bin/true')),
      2,
    );
    const before = readdirSync(join(ours.root, 'overlayfs', 'snapshots')).length;
    const pull = await interleave(
      Math.max(2, Math.floor(rounds / 3)),
      async () => {
        const taken = await timed(() => ours.shiplog('pull', '--quiet', debian));
        await ours.shiplog('rmi', debian);
        await ours.shiplog('gc');
        while (readdirSync(join(ours.root, 'overlayfs', 'snapshots')).length > before) await sleep(20);
        await runProgram('sync', []);
        return taken;
      },
      async () => {
        const taken = await timed(() => podman(...fromPlain, debian));
        await podman('rmi', debian);
        await runProgram('sync', []);
        return taken;
      },
    );
    const figures: Figure[] = [
      { name: 'run --rm of true', unit: 'ms', ...run, peerName },
      { name: 'pull of one layer', detail, unit: 'ms', ...pull, peerName },
    ];
    return [{ title: `By the command lines, beside podman, ${rounds} rounds in turns`, figures }];
  });
};
