import { closeSync, constants, fsyncSync, openSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { constants as os } from 'node:os';
import { SyscallError } from './error.ts';
import { declareAsync } from './libc.ts';

const callAsync = declareAsync<[number]>('int syncfs(int fd)');

/**
 * syncfs(2) off this thread: when it resolves, all that was written to the file system of `fd` before the call is on
 * stable storage, data and names. Reports write errors since Linux 5.8.
 * @throws SyscallError, always EIO: a failed write-back is reported once only, so asking again for its errno would lie
 */
export const syncfs = async (fd: number): Promise<void> => {
  if ((await callAsync(fd)) < 0) throw new SyscallError('syncfs', os.errno.EIO, `fd ${fd}`);
};

/** Makes the names in a directory durable (fsync(2) on the directory). @throws Node's error */
export const syncDirectory = (path: string): void => {
  const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
};

/** The same off this thread: several at a time share the file system's commit. */
export const syncDirectoryAside = async (path: string): Promise<void> => {
  const directory = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
};
