import { setTimeout as sleep } from 'node:timers/promises';
import { withBoth } from './rig/both-hosts.ts';
import { type Bench, type Figure, interleave, timed } from './rig/figures.ts';
import { runOnOurs } from './rig/our-containers.ts';
import { peerSpecification, runOnPeer } from './rig/peer.ts';

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
  return withBoth(async ({ ours, containerd, peer, image, onPeer }) => {
    const compare = async (name: string, flags: string[], security: string[]): Promise<Figure> => {
      const template = await peerSpecification(containerd, image, flags, ['/bin/true']);
      const taken = await interleave(
        rounds,
        async () => {
          const taken = await timed(() =>
            runOnOurs(ours.client, { image, command: ['/bin/true'], security }),
          );
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
    return [{ title: `A container that exits at once, over the socket, ${rounds} rounds in turns`, figures }];
  });
};
