import { type ChildProcess, type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, writeFileSync } from 'node:fs';
import type { IdMapping, IdRange } from '../../domain/id-mapping.ts';
import { Rejection } from '../../domain/rejection.ts';
import { hasCode } from '../syscalls/error.ts';
import { showIdMap } from './idmap.ts';

/** Milliseconds for a process that does nothing to be there. */
const PATIENCE = 10_000;

const refusal = (ids: IdMapping, why: string, cause?: unknown) =>
  new Rejection(
    'failed-precondition',
    `user namespace ${showIdMap(ids)}: ${why}; see user.max_user_namespaces, or run with --userns host`,
    cause === undefined ? {} : { cause },
  );

/** Resolves when the process is in its namespace: unshare(1) becomes cat(1) after unshare(2), and cat answers. */
const inside = async (child: ChildProcessWithoutNullStreams, ended: Promise<string>, ids: IdMapping) => {
  let said = '';
  child.stderr.on('data', (bytes: Buffer) => {
    said += bytes.toString();
  });
  const answered = once(child.stdout, 'data');
  const early = ended.then((how) => {
    throw refusal(ids, `unshare ended with ${how}: ${said.trim()}`);
  });
  child.stdin.write('\n');
  await Promise.race([answered, early]);
};

/** @returns how the process ended. @throws Rejection, where it could not even be started */
const endOf = async (child: ChildProcess, ids: IdMapping): Promise<string> => {
  try {
    const [code, signal] = await once(child, 'close');
    return String(code ?? signal);
  } catch (error) {
    throw hasCode(error, 'ENOENT')
      ? refusal(ids, 'the program unshare (of util-linux) is not there to make it', error)
      : error;
  }
};

const linesOf = (ranges: readonly IdRange[]): string =>
  ranges.map(({ container, host, size }) => `${container} ${host} ${size}\n`).join('');

const openNamespace = (pid: number, { uids, gids }: IdMapping): number => {
  writeFileSync(`/proc/${pid}/uid_map`, linesOf(uids));
  writeFileSync(`/proc/${pid}/gid_map`, linesOf(gids));
  return openSync(`/proc/${pid}/ns/user`, 'r');
};

/**
 * Runs `use` with a descriptor of a user namespace that maps ids to those of the host. The namespace is
 * made by a process of its own, since only one without other threads may enter a new one; it is gone before `use` is
 * called and, reading from a pipe of ours, also when we are killed.
 * @throws Rejection `failed-precondition` where this host makes no user namespaces, and what `use` throws
 */
export const withUserNamespace = async <T>(
  ids: IdMapping,
  use: (descriptor: number) => Promise<T>,
): Promise<T> => {
  const child = spawn('unshare', ['--user', '--', 'cat'], { timeout: PATIENCE, killSignal: 'SIGKILL' });
  // Writing to a process that has ended is told by its end.
  child.stdin.on('error', () => child.kill('SIGKILL'));
  const ended = endOf(child, ids);
  let descriptor: number;
  try {
    await inside(child, ended, ids);
    if (child.pid === undefined) throw refusal(ids, 'its process was not started');
    descriptor = openNamespace(child.pid, ids);
  } finally {
    child.kill('SIGKILL');
  }
  try {
    await ended;
    return await use(descriptor);
  } finally {
    closeSync(descriptor);
  }
};
