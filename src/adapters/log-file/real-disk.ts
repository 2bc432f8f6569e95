import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import type { Disk } from './disk.ts';
import { lockWriter } from './lock.ts';
import { openFile } from './real-file.ts';

/** The disk of this machine. */
export const realDisk: Disk = {
  open: openFile,
  rename,
  remove: (path) => rm(path),
  syncDirectory: async (path) => {
    const directory = await openFile(path, 'read');
    try {
      await directory.sync();
    } finally {
      await directory.close();
    }
  },
  makeDirectory: (path) => mkdir(path, { recursive: true, mode: 0o700 }),
  list: (directory) => readdir(directory),
  size: async (path) => (await stat(path)).size,
  lock: lockWriter,
};
