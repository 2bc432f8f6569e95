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

/** One side: a container that stays, from nothing. */
interface Side {
  /** @returns its id, once it runs */
  start(): Promise<string>;
  remove(id: string): Promise<void>;
  exec(id: string): Promise<void>;
}

/** Milliseconds after a turn, in which the side that had it frees what it frees after its answer. */
const settled = 100;

/** Starts and removes one. @param running takes the time to running. @returns the time to deleted */
const turn = async ({ start, remove }: Side, running: number[]): Promise<number> => {
  const begun = performance.now();
  const id = await start();
  running.push(performance.now() - begun);
  await remove(id);
  const taken = performance.now() - begun;
  await sleep(settled);
  return taken;
};

const coming = async (rounds: number, ours: Side, peer: Side): Promise<readonly [Figure, Figure]> => {
  const [running, warm] = [{ ours: [] as number[], peer: [] as number[] }, 2];
  const deleted = await interleave(
    rounds,
    () => turn(ours, running.ours),
    () => turn(peer, running.peer),
    warm,
  );
  const counted = { ours: running.ours.slice(warm), peer: running.peer.slice(warm) };
  return [
    { name: 'to running', unit: 'ms', ...counted },
    { name: 'to deleted', unit: 'ms', ...deleted },
  ];
};

const executing = async (rounds: number, ours: Side, peer: Side): Promise<Figure> => {
  const [here, there] = [await ours.start(), await peer.start()];
  const taken = await interleave(
    rounds,
    () => timed(() => ours.exec(here)),
    () => timed(() => peer.exec(there)),
    2,
  );
  await ours.remove(here);
  await peer.remove(there);
  return { name: 'exec of true', unit: 'ms', ...taken };
};

const many = async (rounds: number, ours: Side, peer: Side): Promise<Figure> => {
  const cycle = (side: Side) => async () => side.remove(await side.start());
  const taken = await interleave(rounds, cycles(8, 4, cycle(ours)), cycles(8, 4, cycle(peer)));
  return { name: '8 clients, each cycle', unit: 'ms', ...taken };
};

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
    const here: Side = {
      start: () => startOnOurs(ours.client, { image, command: forever, runtime }),
      remove: (id) => removeOnOurs(ours.client, id),
      exec: (id) => execOnOurs(ours.client, id, ['/bin/true']),
    };
    const there: Side = { ...task, exec: (id) => task.exec(id, randomUUID(), ['/bin/true']) };
    const [running, deleted] = await coming(rounds, here, there);
    const exec = await executing(rounds, here, there);
    const eight = await many(Math.max(3, Math.floor(rounds / 5)), here, there);
    const crun = await withCrun({ disk, image }, running.peer ?? []);
    const figures = [running, deleted, exec, eight];
    const title = `A container that stays, over the socket, ${rounds} rounds in turns`;
    if (typeof crun === 'string') return [{ title, figures, notes: [crun] }];
    return [{ title, figures: [...figures, crun] }];
  });
};
