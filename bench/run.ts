import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ShiplogClient } from '../src/client/index.ts';
import { startContainerd } from '../test/support/containerd.ts';
import { startRegistry } from '../test/support/registry-server.ts';
import { type Bench, type Figure, interleave, timed } from './rig/figures.ts';
import { pushBusybox } from './rig/images.ts';
import { startOurs } from './rig/ours.ts';
import { connectPeer, peerSpecification, runOnPeer } from './rig/peer.ts';
import { withScratch } from './rig/scratch.ts';

const runOnOurs = async (
  { containers }: ShiplogClient,
  image: string,
  security: readonly string[],
): Promise<number> => {
  const session = containers.session();
  const options = { image, command: ['/bin/true'], remove: true, security: [...security] };
  await session.send({ request: { case: 'run', value: { namespace: 'default', options } } });
  let exitCode: number | undefined;
  for await (const { response } of session) {
    if (response.case === 'exited') exitCode = response.value.exitCode;
  }
  if (exitCode === undefined) throw new Error('the session ended without an exit code');
  return exitCode;
};

const zero = async (running: Promise<number>): Promise<void> => {
  const exitCode = await running;
  if (exitCode !== 0) throw new Error(`the container exited with ${exitCode}`);
};

/** What is freed after our answer (shim, mount, directory) must not weigh on the peer's turn. */
const settleMs = 150;

/**
 * `run --rm` of a container that exits at once, seen by one client process over each daemon's socket.
 *
 *     npm run bench -- run [ROUNDS]
 *
 * Ours is one Session call, from its first message to its end, when the log says that the container is gone; its shim,
 * mount and directory are freed after that, as all bytes are (docs/durability.md). containerd's is the same by its
 * services: prepare, create, task create, wait, start, the exit, task delete, snapshot remove, container delete. The
 * specification is what containerd's own client makes, once with the default seccomp profile, which ours always has unless
 * it is told otherwise, and once without.
 */
export const main: Bench = (args) => {
  const rounds = Number(args[0] ?? 30);
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
    const onPeer = { name: image, chainId: layout.layers[0]?.diffId ?? '' };

    const compare = async (name: string, flags: string[], security: string[]): Promise<Figure> => {
      const template = await peerSpecification(containerd, image, flags, ['/bin/true']);
      const taken = await interleave(
        rounds,
        async () => {
          const taken = await timed(() => zero(runOnOurs(ours.client, image, security)));
          await sleep(settleMs);
          return taken;
        },
        () => timed(() => zero(runOnPeer(peer, onPeer, template))),
        3,
      );
      return { name, unit: 'ms', ...taken };
    };
    const figures = [
      await compare('run --rm, default seccomp profile', ['--seccomp'], []),
      await compare('run --rm, no seccomp', [], ['seccomp=unconfined']),
    ];
    peer.close();
    return [{ title: `A container that exits at once, over the socket, ${rounds} rounds in turns`, figures }];
  });
};
