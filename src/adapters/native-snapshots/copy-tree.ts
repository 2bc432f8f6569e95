import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { Rejection } from '../../domain/rejection.ts';

const run = promisify(execFile);

/** What cp(1) may say before it is cut off. */
const WORDS = 64 * 1024;

const wordsOf = (error: unknown): string =>
  (error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : '') || String(error);

/**
 * Copies all that is in a directory, and the directory's own owner, mode, attributes and times: hard links stay links,
 * devices and sockets are made anew, times keep their nanoseconds, holes stay holes, and where the file system can, files
 * share their blocks until they are written to. By cp(1), in a process of its own, which walks by descriptors.
 * @param to a directory that is there and empty
 * @throws Rejection `resource-exhausted` where the disk is full, `internal` with cp's words
 */
export const copyTree = async (from: string, to: string, signal?: AbortSignal): Promise<void> => {
  try {
    await run('cp', ['--archive', '--reflink=auto', '--no-target-directory', '--', from, to], {
      maxBuffer: WORDS,
      env: { ...process.env, LC_ALL: 'C' },
      ...(signal === undefined ? {} : { signal }),
    });
  } catch (error) {
    const words = wordsOf(error);
    const full = /No space left on device|Disk quota exceeded/.test(words);
    throw new Rejection(full ? 'resource-exhausted' : 'internal', `copy '${from}': ${words.slice(0, 1000)}`, {
      cause: error,
    });
  }
};
