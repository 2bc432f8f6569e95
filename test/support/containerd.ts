import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Daemon, runProgram, startDaemon } from './child.ts';

export interface PrivateContainerd {
  readonly address: string;
  readonly pid: number;
  /** Where its overlayfs snapshotter keeps directories. */
  readonly snapshots: string;
  /** Where it keeps content, by digest. */
  readonly blobs: string;
  /** Runs `ctr` against it. */
  ctr(...args: string[]): Promise<string>;
  stop(): Promise<void>;
}

/** Configures a containerd whose root, state and socket are below `directory`. @returns what to start it with */
export const containerdArguments = async (
  directory: string,
): Promise<{ readonly args: readonly string[]; readonly address: string; readonly root: string }> => {
  await mkdir(directory, { recursive: true });
  const address = join(directory, 'containerd.sock');
  const root = join(directory, 'root');
  const config = join(directory, 'config.toml');
  const unused = [
    'io.containerd.grpc.v1.cri',
    ...['images', 'runtime'].map((name) => `io.containerd.cri.v1.${name}`),
  ].concat(['btrfs', 'zfs', 'aufs', 'devmapper'].map((name) => `io.containerd.snapshotter.v1.${name}`));
  await writeFile(
    config,
    [
      'version = 2',
      `root = "${root}"`,
      `state = "${join(directory, 'state')}"`,
      `disabled_plugins = ${JSON.stringify(unused)}`,
      '[grpc]',
      `address = "${address}"`,
      '[ttrpc]',
      `address = "${address}.ttrpc"`,
      '',
    ].join('\n'),
  );
  return { args: ['--config', config], address, root };
};

/**
 * A containerd of our own, with root, state, socket and configuration below `directory`, which must be on a disk that can
 * hold overlay upper directories. It knows nothing of one that the machine may run already.
 */
export const startContainerd = async (
  directory: string,
  {
    programs = { containerd: 'containerd', ctr: 'ctr' },
    env = {},
  }: {
    readonly programs?: { readonly containerd: string; readonly ctr: string };
    /** Of the daemon, added to the test's own. */
    readonly env?: Readonly<Record<string, string>>;
  } = {},
): Promise<PrivateContainerd> => {
  const { args, address, root } = await containerdArguments(directory);
  const ctr = (...args: string[]) => runProgram(programs.ctr, ['--address', address, ...args]);
  const ready = () =>
    ctr('version').then(
      () => true,
      () => false,
    );
  const daemon: Daemon = await startDaemon(programs.containerd, args, {
    logFile: join(directory, 'containerd.log'),
    env: { ...process.env, ...env },
    ready,
  });
  return {
    address,
    pid: daemon.pid,
    snapshots: join(root, 'io.containerd.snapshotter.v1.overlayfs', 'snapshots'),
    blobs: join(root, 'io.containerd.content.v1.content', 'blobs', 'sha256'),
    ctr,
    stop: daemon.stop,
  };
};
