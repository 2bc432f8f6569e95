import {
  close as closeCallback,
  fdatasync as fdatasyncCallback,
  fsync as fsyncCallback,
  ftruncate as ftruncateCallback,
  open as openCallback,
  read as readCallback,
  rename as renameCallback,
  write as writeCallback,
} from 'node:fs';
import { dirname } from 'node:path';
import { promisify } from 'node:util';

/**
 * All that the log knows about making bytes stay, in one place. Plain descriptors and the callback calls of node:fs: a
 * FileHandle costs several microseconds more per call, which shows beside a sync of a hundred.
 */

export const openFile = promisify(openCallback);
export const closeFile = promisify(closeCallback);
export const truncateFile = promisify(ftruncateCallback);
const rename = promisify(renameCallback);
const fsync = promisify(fsyncCallback);

/** Makes written bytes, and the file's size where it grew, durable. A failure means that nothing since the last sync is. */
export const syncData = promisify(fdatasyncCallback);

/** Writes all of `bytes` at an offset, however many calls it takes. */
export const writeAt = (fd: number, bytes: Uint8Array, offset: number): Promise<void> =>
  new Promise((resolve, reject) => {
    const from = (done: number): void =>
      writeCallback(fd, bytes, done, bytes.length - done, offset + done, (error, written) => {
        if (error !== null) reject(error);
        else if (done + written < bytes.length) from(done + written);
        else resolve();
      });
    from(0);
  });

/** Fills `into` from an offset on. @returns the bytes read; fewer than asked only at the end of the file */
export const readAt = (fd: number, into: Uint8Array, offset: number): Promise<number> =>
  new Promise((resolve, reject) => {
    const from = (done: number): void =>
      readCallback(fd, into, done, into.length - done, offset + done, (error, count) => {
        if (error !== null) reject(error);
        else if (count === 0 || done + count === into.length) resolve(done + count);
        else from(done + count);
      });
    from(0);
  });

/** Makes names in a directory durable: a new file is lost in a crash, synced or not, while its directory is not synced. */
export const syncDirectory = async (path: string): Promise<void> => {
  await withFile(path, 'r', fsync);
};

/**
 * Makes a file appear under its name with all its bytes, or not at all: a temporary name, sync, rename, sync of the
 * directory. Replaces a file of that name. A crash may leave `<path>.tmp`.
 */
export const createDurably = async (path: string, bytes: Uint8Array): Promise<void> => {
  const temporary = `${path}.tmp`;
  await withFile(temporary, 'w', async (fd) => {
    await writeAt(fd, bytes, 0);
    await fsync(fd);
  });
  await rename(temporary, path);
  await syncDirectory(dirname(path));
};

/**
 * Cuts a file through a fresh descriptor and makes what is left durable. The sync comes first too: bytes found after a
 * crash of the process alone may still be only in the page cache.
 */
export const truncateDurably = async (path: string, length: number): Promise<void> => {
  await withFile(path, 'r+', async (fd) => {
    await fsync(fd);
    await truncateFile(fd, length);
    await fsync(fd);
  });
};

/** Opens, uses and closes. */
export const withFile = async <T>(
  path: string,
  flags: string,
  use: (fd: number) => Promise<T>,
): Promise<T> => {
  const fd = await openFile(path, flags, 0o600);
  try {
    return await use(fd);
  } finally {
    await closeFile(fd);
  }
};
