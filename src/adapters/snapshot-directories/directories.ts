import { closeSync, constants, existsSync, mkdirSync, openSync, renameSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { SnapshotId } from '../../domain/identity.ts';
import { Rejection } from '../../domain/rejection.ts';
import type { SnapshotStore } from '../../engine/ports/snapshots.ts';
import { hasCode } from '../syscalls/error.ts';
import { syncDirectory, syncfs } from '../syscalls/sync.ts';
import { createTreeRemoval } from './removal.ts';
import { treeUsage } from './usage.ts';

/**
 * What every store of snapshots as directories has in common; a library of its adapters. The layout:
 *
 *     <directory>/snapshots/<id>      what the store keeps of a snapshot
 *     <directory>/removed/<id>.<n>    on its way out
 */
export interface SnapshotDirectories extends Pick<SnapshotStore, 'sync' | 'usage' | 'remove' | 'list'> {
  readonly snapshots: string;
  readonly removed: string;
  snapshot(id: SnapshotId): string;
}

export interface SnapshotDirectoriesOptions {
  readonly directory: string;
  /** The tree of a snapshot, in or at its directory. */
  readonly treeOf: (id: SnapshotId) => string;
  /** Deletes a withdrawn directory; rm(1) when absent. */
  readonly removeTree?: (path: string) => Promise<void>;
}

/**
 * Renames the directory out of sight; nothing happens where it is out already. Not synced: a crash may bring it back under
 * its name, whole or in part, where no event names it any more and `list` shows it as well.
 */
const withdraw = (at: Pick<SnapshotDirectories, 'snapshots' | 'removed'>, id: SnapshotId): void => {
  const present = join(at.snapshots, id);
  for (let attempt = 0; existsSync(present); attempt += 1) {
    try {
      renameSync(present, join(at.removed, `${id}.${attempt}`));
    } catch (error) {
      // the remains of a removal that a crash cut short
      if (!hasCode(error, 'ENOTEMPTY', 'EEXIST')) throw error;
    }
  }
};

/** @throws Rejection `not-found` */
const openTree = (id: SnapshotId, path: string): number => {
  try {
    return openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error;
    throw new Rejection('not-found', `sync of snapshot '${id}': it has no directory`, { cause: error });
  }
};

/** Each once; other names are not ours. */
export const idsAmong = (names: readonly string[]): readonly SnapshotId[] =>
  [...new Set(names)].flatMap((name) => {
    const id = SnapshotId.safeParse(name);
    return id.success ? [id.data] : [];
  });

const idOfRemoved = (name: string): string => name.slice(0, name.indexOf('.'));

/** Makes the folders where they are missing, durably. */
export const openSnapshotDirectories = (options: SnapshotDirectoriesOptions): SnapshotDirectories => {
  const { directory, treeOf } = options;
  const snapshots = join(directory, 'snapshots');
  const removed = join(directory, 'removed');
  const removeTree = options.removeTree ?? createTreeRemoval();
  const made = [snapshots, removed].map((path) => mkdirSync(path, { recursive: true, mode: 0o700 }));
  // After a start that was killed in between, the first sync of a name in them makes theirs durable, too.
  if (made.some((path) => path !== undefined)) syncDirectory(directory);
  const removedNames = async (id: SnapshotId) =>
    (await readdir(removed)).filter((name) => idOfRemoved(name) === id);

  return {
    snapshots,
    removed,
    snapshot: (id) => join(snapshots, id),
    sync: async (id) => {
      const fd = openTree(id, treeOf(id));
      try {
        await syncfs(fd);
      } finally {
        closeSync(fd);
      }
    },
    usage: async (id) => {
      try {
        return await treeUsage(treeOf(id));
      } catch (error) {
        if (!hasCode(error, 'ENOENT')) throw error;
        throw new Rejection('not-found', `usage of snapshot '${id}': it has no directory`, { cause: error });
      }
    },
    remove: async (id) => {
      withdraw({ snapshots, removed }, id);
      await Promise.all((await removedNames(id)).map((name) => removeTree(join(removed, name))));
    },
    list: async () => {
      const [present, leaving] = await Promise.all([readdir(snapshots), readdir(removed)]);
      return idsAmong([...present, ...leaving.map(idOfRemoved)]);
    },
  };
};
