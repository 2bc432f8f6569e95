import { closeSync, constants, openSync, readSync, rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Rejection } from '../../domain/rejection.ts';
import { hasCode } from '../syscalls/error.ts';

/** Milliseconds between two looks, and until it is asked whether there is anybody to wait for. */
const patience = { look: 1, ask: 200 };

/**
 * Reads the word of a process that waits to run (libcontainer's `exec.fifo`), and removes the fifo. Once its end is open it
 * is kept open for as long as the process is there: one that writes to nobody dies of it.
 * @param isWaiting whether the process still waits to run
 * @param total milliseconds
 * @returns whether there was a word; false where there is no such fifo, or nobody to say one
 * @throws Rejection `deadline-exceeded` where the process is there and says nothing
 */
export const passFifo = async (
  path: string,
  isWaiting: () => Promise<boolean>,
  total: number,
): Promise<boolean> => {
  const fd = openToRead(path);
  if (fd === undefined) return false;
  try {
    const end = performance.now() + total;
    for (let ask = performance.now() + patience.ask; ; await sleep(patience.look)) {
      if (hasWord(fd)) break;
      if (performance.now() < ask) continue;
      // It may have spoken while it was asked for.
      if (!(await isWaiting())) {
        if (hasWord(fd)) break;
        return false;
      }
      if (performance.now() > end) {
        throw new Rejection('deadline-exceeded', `the created process did not begin within ${total} ms`);
      }
      ask = performance.now() + patience.ask;
    }
    rmSync(path, { force: true });
    return true;
  } finally {
    closeSync(fd);
  }
};

const openToRead = (path: string): number | undefined => {
  try {
    return openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
};

/** @returns false also while nobody has opened the other end */
const hasWord = (fd: number): boolean => {
  try {
    return readSync(fd, Buffer.alloc(1)) > 0;
  } catch (error) {
    if (hasCode(error, 'EAGAIN')) return false;
    throw error;
  }
};
