import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type PrivateContainerd, startContainerd } from '../../test/support/containerd.ts';
import { startRegistry } from '../../test/support/registry-server.ts';
import { pushBusybox } from './images.ts';
import { type OwnDaemon, removeAll, startOurs } from './ours.ts';
import { connectPeer, type PeerClient } from './peer.ts';
import { type Scratch, withScratch } from './scratch.ts';

/** Both daemons on one fresh disk, each with an image of busybox. */
export interface BothHosts extends Scratch {
  /** Of a docker-registry on loopback. */
  readonly registry: string;
  readonly image: string;
  readonly ours: OwnDaemon;
  readonly containerd: PrivateContainerd;
  /** containerd's socket. */
  readonly peer: PeerClient;
  readonly onPeer: { readonly name: string; readonly chainId: string };
}

/** Where a side keeps everything: `side` is `ours` or `peer`. */
export const directoryOf = ({ disk }: Pick<Scratch, 'disk'>, side: 'ours' | 'peer'): string =>
  join(disk, side);

/** The same on containerd. */
const endAll = async ({ ctr, pid }: PrivateContainerd): Promise<void> => {
  if (!existsSync(`/proc/${pid}`)) return;
  for (const id of (await ctr('tasks', 'ls', '-q')).trim().split('\n')) {
    if (id !== '') await ctr('tasks', 'rm', '--force', id);
  }
};

/** Runs a benchmark with both daemons, and ends them and what still runs on them afterwards. */
export const withBoth = <T>(use: (hosts: BothHosts) => Promise<T>): Promise<T> =>
  withScratch('ext4', async (scratch) => {
    const { directory, later } = scratch;
    const registry = await startRegistry(join(directory, 'registry'));
    later(registry.stop);
    const image = `${registry.host}/busybox:latest`;
    const layout = await pushBusybox(join(directory, 'image'), image);
    const containerd = await startContainerd(directoryOf(scratch, 'peer'));
    later(containerd.stop);
    later(() => endAll(containerd));
    const ours = await startOurs(directoryOf(scratch, 'ours'));
    later(ours.stop);
    later(() => removeAll(ours));
    await ours.shiplog('pull', image);
    await containerd.ctr('image', 'pull', '--plain-http', image);
    const peer = connectPeer(containerd.address);
    later(async () => peer.close());
    const onPeer = { name: image, chainId: layout.layers[0]?.diffId ?? '' };
    return use({ ...scratch, registry: registry.host, image, ours, containerd, peer, onPeer });
  });
