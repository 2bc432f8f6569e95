import { closeSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { Rejection } from '../../domain/rejection.ts';

/** Held by the one writer of a log; the kernel lets go of it when the process ends, however it ends. */
export interface WriterLock {
  release(): void;
}

/**
 * Takes the lock of a log's directory. It is a file of its own, so that segments may be replaced under it.
 * @throws Rejection `unavailable`, naming the process that holds it
 */
export const lockWriter = async (directory: string): Promise<WriterLock> => {
  // Loaded here, since V8 ends the process when a second thread loads it; threads use the disk without its lock.
  const { flockSync } = await import('fs-ext');
  const path = join(directory, 'lock');
  const fd = openSync(path, 'a+', 0o600);
  try {
    flockSync(fd, 'exnb');
  } catch (error) {
    const holder = readFileSync(path, 'latin1').trim();
    closeSync(fd);
    if (!(error instanceof Error && 'code' in error && error.code === 'EAGAIN')) throw error;
    throw new Rejection(
      'unavailable',
      `Opening the log in ${directory} for writing: process ${holder || '(not known yet)'} has it open. ` +
        'A log has one writer; stop that process, or give this one another directory.',
      { cause: error },
    );
  }
  ftruncateSync(fd, 0);
  writeSync(fd, `${process.pid}\n`);
  return { release: () => closeSync(fd) };
};
