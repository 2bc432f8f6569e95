import { chmodSync, closeSync, constants, existsSync, mkdirSync, openSync, renameSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { SnapshotId } from '../../domain/identity.ts';
import { Rejection } from '../../domain/rejection.ts';
import type { SnapshotStore } from '../../engine/ports/snapshots.ts';
import { idsAmong, openSnapshotDirectories } from '../snapshot-directories/directories.ts';
import { createTreeRemoval } from '../snapshot-directories/removal.ts';
import { syncDirectory, syncDirectoryAside, syncfs } from '../syscalls/sync.ts';
import { copyTree } from './copy-tree.ts';

const syncFileSystem = async (path: string): Promise<void> => {
  const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await syncfs(fd);
  } finally {
    closeSync(fd);
  }
};

/**
 * containerd's `native` snapshotter: each snapshot is a directory with all its files, copied from its parent, and seen
 * through a bind mount. It works on every file system, and takes the space of a copy, or, on one that shares blocks (btrfs,
 * xfs), of the changes. A view has no files of its own: its parent's are shown.
 *
 *     <directory>/snapshots/<id>    the tree
 *     <directory>/making/<id>       a copy that is not whole yet; gone at the next start
 */
export const createNativeStore = ({ directory }: { readonly directory: string }): SnapshotStore => {
  const kept = openSnapshotDirectories({ directory, treeOf: (id) => join(directory, 'snapshots', id) });
  const making = join(directory, 'making');
  const removeTree = createTreeRemoval();
  if (mkdirSync(making, { recursive: true, mode: 0o700 }) !== undefined) syncDirectory(directory);

  const copied = async (id: SnapshotId, parent: SnapshotId): Promise<void> => {
    const source = kept.snapshot(parent);
    if (!existsSync(source)) {
      throw new Rejection('not-found', `snapshot '${id}' on '${parent}': that has no directory`);
    }
    const unfinished = join(making, id);
    await removeTree(unfinished);
    mkdirSync(unfinished, { mode: 0o755 });
    try {
      await copyTree(source, unfinished);
      await syncFileSystem(unfinished);
      renameSync(unfinished, kept.snapshot(id));
    } catch (error) {
      await removeTree(unfinished);
      throw error;
    }
  };

  const empty = (id: SnapshotId): void => {
    mkdirSync(kept.snapshot(id), { mode: 0o755 });
    // the umask must not decide how a container sees its root
    chmodSync(kept.snapshot(id), 0o755);
  };

  return {
    capabilities: [],
    directory,
    create: async (id, kind, [parent]) => {
      if (existsSync(kept.snapshot(id))) return;
      if (kind === 'active' && parent !== undefined) await copied(id, parent);
      else empty(id);
      await Promise.all([kept.snapshot(id), kept.snapshots].map(syncDirectoryAside));
    },
    mounts: (id, [parent], writable) => [
      {
        type: 'bind',
        source: kept.snapshot(writable || parent === undefined ? id : parent),
        options: ['rbind', writable ? 'rw' : 'ro'],
      },
    ],
    sync: kept.sync,
    usage: kept.usage,
    remove: async (id) => {
      await Promise.all([kept.remove(id), removeTree(join(making, id))]);
    },
    list: async () => idsAmong([...(await kept.list()), ...(await readdir(making))]),
  };
};
