import { randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type BothHosts, withBoth } from './rig/both-hosts.ts';
import { type Bench, type Figure, interleave, timed } from './rig/figures.ts';
import { byClients, execOnOurs, forever, removeOnOurs, startOnOurs } from './rig/our-containers.ts';
import { removeAll, startOurs } from './rig/ours.ts';
import { peerSpecification, peerTask } from './rig/peer.ts';

/** Cycles of several clients at once; milliseconds for each cycle. */
const cycles = (clients: number, each: number, cycle: () => Promise<void>) => async (): Promise<number> =>
  (await timed(() => byClients(clients, clients * each, cycle))) / (clients * each);

/**
 * Starts by a daemon whose OCI runtime is crun, each beside one of the rounds of containerd with runc.
 * @returns why there is no figure, where crun does not run on this machine
 */
const withCrun = async (
  { disk, image }: Pick<BothHosts, 'disk' | 'image'>,
  peer: readonly number[],
): Promise<Figure | string> => {
  const directory = join(disk, 'crun');
  const config = join(disk, 'crun.toml');
  writeFileSync(config, '[runtimes]\nbinary = "crun"\n');
  const ours = await startOurs(directory, ['--config', config]);
  try {
    await ours.shiplog('pull', image);
    const trouble = await ours.shiplog('run', '--rm', image, '/bin/true').then(
      () => undefined,
      (error: unknown) => error,
    );
    if (trouble !== undefined) return `With crun nothing was measured: ${lastLine(trouble)}`;
    const taken: number[] = [];
    for (const _ of peer) {
      const begun = performance.now();
      const id = await startOnOurs(ours.client, { image, command: forever });
      taken.push(performance.now() - begun);
      await removeOnOurs(ours.client, id);
    }
    return { name: 'to running with crun', unit: 'ms', ours: taken, peer: [...peer] };
  } finally {
    await removeAll(ours);
    await ours.stop();
  }
};

/** What a program said at the end. */
const lastLine = (error: unknown): string => String(error).trim().split('\n').at(-1) ?? '';

/**
 * Containers that stay: from nothing to running, from nothing to deleted, many at once, and an extra process in one.
 *
 *     npm run bench -- start [ROUNDS] [RUNTIME]
 *
 * Ours is `run --detach` and `rm --force` over the socket. containerd's is by its services: snapshot prepare, container
 * create, task create, start; then kill, the exit, task delete, snapshot remove, container delete. Both with the default
 * seccomp profile and without streams.
 */
export const main: Bench = (args) => {
  const rounds = Number(args[0] ?? 20);
  const runtime = args[1] ?? '';
  return withBoth(async ({ disk, ours, containerd, peer, image, onPeer }) => {
    const template = await peerSpecification(containerd, image, ['--seccomp'], forever);
    const task = peerTask(peer, onPeer, template);
    const options = { image, command: forever, runtime };
    const remove = (id: string) => removeOnOurs(ours.client, id);

    const running = { ours: [] as number[], peer: [] as number[] };
    const deleted = await interleave(
      rounds,
      async () => {
        const begun = performance.now();
        const id = await startOnOurs(ours.client, options);
        running.ours.push(performance.now() - begun);
        await remove(id);
        const taken = performance.now() - begun;
        await sleep(100);
        return taken;
      },
      async () => {
        const begun = performance.now();
        const id = await task.start();
        running.peer.push(performance.now() - begun);
        await task.remove(id);
        const taken = performance.now() - begun;
        await sleep(100);
        return taken;
      },
      2,
    );

    const at = await startOnOurs(ours.client, options);
    const there = await task.start();
    const exec = await interleave(
      rounds,
      () => timed(() => execOnOurs(ours.client, at, ['/bin/true'])),
      () => timed(() => task.exec(there, randomUUID(), ['/bin/true'])),
      2,
    );
    await remove(at);
    await task.remove(there);

    const many = await interleave(
      Math.max(3, Math.floor(rounds / 5)),
      cycles(8, 4, async () => {
        await remove(await startOnOurs(ours.client, options));
      }),
      cycles(8, 4, async () => task.remove(await task.start())),
    );
    const figures: Figure[] = [
      { name: 'to running', unit: 'ms', ours: running.ours.slice(2), peer: running.peer.slice(2) },
      { name: 'to deleted', unit: 'ms', ...deleted },
      { name: 'exec of true', unit: 'ms', ...exec },
      { name: '8 clients, each cycle', unit: 'ms', ...many },
    ];
    const crun = await withCrun({ disk, image }, running.peer.slice(2));
    const title = `A container that stays, over the socket, ${rounds} rounds in turns`;
    if (typeof crun === 'string') return [{ title, figures, notes: [crun] }];
    return [{ title, figures: [...figures, crun] }];
  });
};
