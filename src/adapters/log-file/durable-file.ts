import { dirname } from 'node:path';
import type { Disk, DiskFile, OpenFor } from './disk.ts';

/** All that the log knows about making files stay, in one place. */

/**
 * Makes a file appear under its name with all its bytes, or not at all: a temporary name, sync, rename, sync of the
 * directory. Replaces a file of that name. A crash may leave `<path>.tmp`.
 */
export const createDurably = async (disk: Disk, path: string, bytes: Uint8Array): Promise<void> => {
  const temporary = `${path}.tmp`;
  await withFile(disk, temporary, 'replace', async (file) => {
    await file.write(bytes, 0);
    await file.sync();
  });
  await disk.rename(temporary, path);
  await disk.syncDirectory(dirname(path));
};

/**
 * Cuts a file through a fresh descriptor and makes what is left durable. The sync comes first too: bytes found after a
 * crash of the process alone may still be only in the page cache.
 */
export const truncateDurably = async (disk: Disk, path: string, length: number): Promise<void> => {
  await withFile(disk, path, 'write', async (file) => {
    await file.sync();
    await file.truncate(length);
    await file.sync();
  });
};

/** Opens, uses and closes. */
export const withFile = async <T>(
  disk: Pick<Disk, 'open'>,
  path: string,
  how: OpenFor,
  use: (file: DiskFile) => Promise<T>,
): Promise<T> => {
  const file = await disk.open(path, how);
  try {
    return await use(file);
  } finally {
    await file.close();
  }
};
