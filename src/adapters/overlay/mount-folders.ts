import { chmod, chown, lstat, mkdir, readdir, realpath, rmdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Rejection } from '../../domain/rejection.ts';
import type { MadeDirectory, MountFolders } from '../../engine/ports/mount-folders.ts';
import { hasCode } from '../syscalls/error.ts';
import { isWithin } from './mount-table.ts';

export interface MountFoldersOptions {
  /** Folder of activations. */
  readonly root: string;
  /** Folders in which clients may have directories made, beside that one. */
  readonly open: readonly string[];
}

export const createMountFolders = ({ root, open }: MountFoldersOptions): MountFolders => ({
  root,
  pointOf: (id, number) => join(root, id, String(number)),
  make: (directory) => make(directory, [root, ...open]),
  list: async () => {
    try {
      return await readdir(root);
    } catch (error) {
      if (hasCode(error, 'ENOENT')) return [];
      throw error;
    }
  },
  remove: async (id) => {
    try {
      // Points are empty directories by now; whatever else is in here nobody may lose unseen.
      const folder = join(root, id);
      for (const name of await readdir(folder)) await rmdir(join(folder, name));
      await rmdir(folder);
    } catch (error) {
      if (hasCode(error, 'ENOENT')) return;
      throw new Rejection('internal', `the folder of mounts '${join(root, id)}' stays: ${String(error)}`, {
        cause: error,
      });
    }
  },
});

const make = async ({ path, mode, owner }: MadeDirectory, roots: readonly string[]): Promise<void> => {
  const above = await realpathOf(dirname(path));
  if (!roots.some((root) => above === root || isWithin(above, root))) {
    throw new Rejection(
      'invalid-argument',
      `mkdir '${path}': directories are made below ${roots.join(' and ')} only: invalid argument`,
    );
  }
  const there = await statOf(path);
  if (there === undefined) {
    await mkdir(path, { mode });
    // Whatever the umask takes away.
    await chmod(path, mode);
    if (owner !== undefined) await chown(path, owner.uid, owner.gid);
    return;
  }
  if (!there.isDirectory() || (there.mode & 0o777) !== mode) {
    const what = there.isDirectory() ? `has mode ${(there.mode & 0o777).toString(8)}` : 'is no directory';
    throw new Rejection(
      'failed-precondition',
      `mkdir '${path}' with mode ${mode.toString(8)}: it is there already and ${what}: failed precondition`,
    );
  }
};

/** Where a directory really is, whatever links lead there. */
const realpathOf = async (path: string): Promise<string> => {
  try {
    return await realpath(path);
  } catch (error) {
    if (!hasCode(error, 'ENOENT', 'ENOTDIR')) throw error;
    throw new Rejection('not-found', `mkdir below '${path}': there is no such directory: not found`);
  }
};

const statOf = async (path: string) => {
  try {
    return await lstat(path);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
};
