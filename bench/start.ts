import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ShiplogClient } from '../src/client/index.ts';
import { startContainerd } from '../test/support/containerd.ts';
import { startRegistry } from '../test/support/registry-server.ts';
import { type Bench, type Figure, interleave, timed } from './rig/figures.ts';
import { pushBusybox } from './rig/images.ts';
import { startOurs } from './rig/ours.ts';
import { connectPeer, peerSpecification, peerTask } from './rig/peer.ts';
import { withScratch } from './rig/scratch.ts';

const forever = ['/bin/sleep', '1000'];

type Options = { readonly image: string; readonly command: string[]; readonly runtime: string };

/** @returns its id, once it runs */
const startOnOurs = async ({ containers }: ShiplogClient, options: Options): Promise<string> => {
  const session = containers.session();
  await session.send({
    request: { case: 'run', value: { namespace: 'default', detach: true, options: { ...options } } },
  });
  let id = '';
  for await (const { response } of session) if (response.case === 'created') id = response.value.id;
  if (id === '') throw new Error('the session ended without a container');
  return id;
};

const execOnOurs = async ({ containers }: ShiplogClient, container: string): Promise<void> => {
  const session = containers.session();
  await session.send({
    request: {
      case: 'exec',
      value: { namespace: 'default', container, args: ['/bin/true'] },
    },
  });
  for await (const { response } of session) {
    if (response.case === 'exited' && response.value.exitCode === 0) return;
  }
  throw new Error('the session ended without an exit code of 0');
};

/** Cycles of several clients at once; milliseconds for each cycle. */
const cycles = (clients: number, each: number, cycle: () => Promise<void>) => async (): Promise<number> => {
  const loop = async (): Promise<void> => {
    for (let count = 0; count < each; count += 1) await cycle();
  };
  const taken = await timed(() => Promise.all(Array.from({ length: clients }, loop)));
  return taken / (clients * each);
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
  return withScratch('ext4', async ({ directory, disk, later }) => {
    const registry = await startRegistry(join(directory, 'registry'));
    later(registry.stop);
    const image = `${registry.host}/busybox:latest`;
    const layout = await pushBusybox(join(directory, 'image'), image);
    const containerd = await startContainerd(join(disk, 'peer'));
    later(containerd.stop);
    const ours = await startOurs(join(disk, 'ours'));
    later(ours.stop);
    await ours.shiplog('pull', image);
    await containerd.ctr('image', 'pull', '--plain-http', image);
    const peer = connectPeer(containerd.address);
    const template = await peerSpecification(containerd, image, ['--seccomp'], forever);
    const task = peerTask(peer, { name: image, chainId: layout.layers[0]?.diffId ?? '' }, template);
    const options: Options = { image, command: [...forever], runtime };
    const remove = (name: string) =>
      ours.client.containers.remove({ namespace: 'default', container: name, force: true });

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
      () => timed(() => execOnOurs(ours.client, at)),
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
    peer.close();
    const figures: Figure[] = [
      { name: 'to running', unit: 'ms', ours: running.ours.slice(2), peer: running.peer.slice(2) },
      { name: 'to deleted', unit: 'ms', ...deleted },
      { name: 'exec of true', unit: 'ms', ...exec },
      { name: '8 clients, each cycle', unit: 'ms', ...many },
    ];
    return [{ title: `A container that stays, over the socket, ${rounds} rounds in turns`, figures }];
  });
};
