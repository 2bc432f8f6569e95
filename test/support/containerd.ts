import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Daemon, runProgram, startDaemon } from './child.ts';

export interface PrivateContainerd {
  readonly address: string;
  /** Where its overlayfs snapshotter keeps directories. */
  readonly snapshots: string;
  /** Runs `ctr` against it. */
  ctr(...args: string[]): Promise<string>;
  stop(): Promise<void>;
}

/**
 * A containerd of our own, with root, state, socket and configuration below `directory`, which must be on a disk that can
 * hold overlay upper directories. It knows nothing of one that the machine may run already.
 */
export const startContainerd = async (directory: string): Promise<PrivateContainerd> => {
  await mkdir(directory, { recursive: true });
  const address = join(directory, 'containerd.sock');
  const root = join(directory, 'root');
  const config = join(directory, 'config.toml');
  await writeFile(
    config,
    [
      'version = 2',
      `root = "${root}"`,
      `state = "${join(directory, 'state')}"`,
      'disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.devmapper"]',
      '[grpc]',
      `address = "${address}"`,
      '[ttrpc]',
      `address = "${address}.ttrpc"`,
      '',
    ].join('\n'),
  );
  const ctr = (...args: string[]) => runProgram('ctr', ['--address', address, ...args]);
  const ready = () =>
    ctr('version').then(
      () => true,
      () => false,
    );
  const daemon: Daemon = await startDaemon('containerd', ['--config', config], {
    logFile: join(directory, 'containerd.log'),
    ready,
  });
  return {
    address,
    snapshots: join(root, 'io.containerd.snapshotter.v1.overlayfs', 'snapshots'),
    ctr,
    stop: daemon.stop,
  };
};
