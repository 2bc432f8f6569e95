import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { lockOf } from '../../src/adapters/stdio/layout.ts';
import { connect, type ShiplogClient } from '../../src/client/index.ts';
import { runProgram, startDaemon } from '../../test/support/child.ts';

export const programs = {
  shiplog: join(process.cwd(), 'bin', 'shiplog'),
  shiplogd: join(process.cwd(), 'bin', 'shiplogd'),
};

export interface OwnDaemon {
  readonly pid: number;
  readonly address: string;
  readonly root: string;
  readonly client: ShiplogClient;
  /** Runs `shiplog` against it. */
  shiplog(...args: string[]): Promise<string>;
  stop(): Promise<void>;
}

/** Arguments of a daemon whose root, state and socket are below `directory`. */
export const daemonArguments = (directory: string): readonly string[] => [
  '--root',
  join(directory, 'root'),
  '--state',
  join(directory, 'state'),
  '--address',
  join(directory, 's.sock'),
];

/**
 * The process that holds the streams of a daemon's containers that have shims, where there is one; it has written its id
 * into its lock.
 */
export const holderPid = (directory: string): number | undefined => {
  const lock = lockOf(join(directory, 'state', 'stdio'));
  const pid = existsSync(lock) ? Number(readFileSync(lock, 'utf8')) : 0;
  // It may have gone by itself, and left the lock.
  return pid > 0 && existsSync(`/proc/${pid}`) ? pid : undefined;
};

/** Starts the built shiplogd below `directory`. @param more arguments, such as `--config` and a file */
export const startOurs = async (directory: string, more: readonly string[] = []): Promise<OwnDaemon> => {
  mkdirSync(directory, { recursive: true });
  const address = join(directory, 's.sock');
  const client = connect({ address, client: 'shiplog-bench' });
  const { pid, stop } = await startDaemon(programs.shiplogd, [...daemonArguments(directory), ...more], {
    logFile: join(directory, 'shiplogd.log'),
    // Without a saved state a log of hundreds of thousands of records is folded first.
    readyMs: 180_000,
    ready: () =>
      client.system.version({}).then(
        () => true,
        () => false,
      ),
  });
  return {
    pid,
    address,
    root: join(directory, 'root'),
    client,
    shiplog: (...args) => runProgram(programs.shiplog, ['--address', address, ...args]),
    stop: async () => {
      client.close();
      await stop();
      // It would stay for some seconds, and keep the disk busy.
      const holder = holderPid(directory);
      if (holder !== undefined) process.kill(holder, 'SIGKILL');
    },
  };
};

/** Removes what a benchmark that failed left running; it would keep the disk busy. A daemon that was ended has nothing to ask. */
export const removeAll = async ({ shiplog, pid }: OwnDaemon): Promise<void> => {
  if (!existsSync(`/proc/${pid}`)) return;
  const left = (await shiplog('ps', '--all', '--quiet')).trim();
  if (left !== '') await shiplog('rm', '--force', ...left.split('\n'));
};
