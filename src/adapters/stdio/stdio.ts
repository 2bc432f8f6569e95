import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ContainerId, ExecId, Namespace } from '../../domain/identity.ts';
import { isRejection, Rejection } from '../../domain/rejection.ts';
import type { ProcessKey, Stdio, StdioOptions, StdioPaths } from '../../engine/ports/stdio.ts';
import { hasCode } from '../syscalls/error.ts';
import { FileType, mknod } from '../syscalls/node.ts';
import { attachTo } from './attachment.ts';
import { HolderClient } from './holder-client.ts';
import type { HolderCommand } from './holder-process.ts';
import { type StreamSettings, settingsOf, socketOf, streamsOf } from './layout.ts';

const keyOf = ({ namespace, id, execId }: ProcessKey): string =>
  execId === undefined ? `${namespace},${id}` : `${namespace},${id},${execId}`;

const processOf = (key: string): ProcessKey => {
  const [namespace, id, execId] = key.split(',');
  return {
    namespace: Namespace.parse(namespace),
    id: ContainerId.parse(id),
    ...(execId === undefined ? {} : { execId: ExecId.parse(execId) }),
  };
};

/** Makes the fifos and writes down what they are for; nothing happens where that was done. */
const makeStreams = (streams: string, key: string, settings: StreamSettings): void => {
  // A handful of calls on a memory file system: less than one turn of the thread pool.
  const folder = join(streams, key);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  for (const name of ['stdin', 'stdout', 'stderr'] as const) {
    if (!settings[name]) continue;
    try {
      mknod(join(folder, name), FileType.fifo | 0o600);
    } catch (error) {
      if (!hasCode(error, 'EEXIST')) throw error;
    }
  }
  writeFileSync(settingsOf(streams, key), JSON.stringify(settings), { mode: 0o600 });
};

export interface HeldStdio extends Stdio {
  /** Starts the holder and connects ahead of need. */
  warm(): Promise<void>;
  /** Lets go of the holder, which goes on. */
  disconnect(): void;
}

/** sockaddr_un of the kernel, in bytes. */
const socketPathLimit = 107;

/**
 * Streams held by the stdio holder, a process that outlives the daemon (docs/adr/0005).
 * @throws Rejection `invalid-argument` where the directory's path is too long for a socket
 */
export const createStdio = (command: HolderCommand): HeldStdio => {
  if (Buffer.byteLength(socketOf(command.directory)) > socketPathLimit) {
    throw new Rejection(
      'invalid-argument',
      `${socketOf(command.directory)} is over ${socketPathLimit} bytes, too long for a socket; choose a shorter state directory`,
    );
  }
  const streams = streamsOf(command.directory);
  mkdirSync(streams, { recursive: true, mode: 0o700 });
  const client = new HolderClient(command);
  const pathsOf = (key: string, options: StdioOptions): StdioPaths => ({
    stdin: options.stdin ? join(streams, key, 'stdin') : '',
    stdout: join(streams, key, 'stdout'),
    stderr: options.terminal ? '' : join(streams, key, 'stderr'),
    terminal: options.terminal,
  });
  return {
    async open(process, options) {
      const key = keyOf(process);
      const { stdin, terminal, log } = options;
      makeStreams(streams, key, { stdin, stdout: true, stderr: !terminal, ...(log ? { log } : {}) });
      await client.ask('open', key);
      return pathsOf(key, options);
    },
    attach: (process) => attachTo(client, keyOf(process)),
    async drained(process, timeoutMs) {
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, timeoutMs);
      });
      try {
        await Promise.race([client.ask('drained', keyOf(process)), late]);
      } catch (error) {
        // Streams that are closed, or never were, have no output to come.
        if (!isRejection(error) || error.code !== 'not-found') throw error;
      } finally {
        clearTimeout(timer);
      }
    },
    async close(process) {
      await client.ask('close', keyOf(process));
      rmSync(join(streams, keyOf(process)), { recursive: true, force: true });
    },
    async list() {
      // Without a holder, what the next one will take up: it need not be started to be asked.
      const keys = (await client.present()) ? (await client.ask('list', '')).keys : readdirSync(streams);
      return (keys ?? []).map(processOf);
    },
    warm: () => client.warm(),
    disconnect: () => client.close(),
  };
};
