import { chmodSync, closeSync, constants, existsSync, mkdirSync, openSync, renameSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { SnapshotId } from '../../domain/identity.ts';
import { Rejection } from '../../domain/rejection.ts';
import type { SnapshotStore } from '../../engine/ports/snapshots.ts';
import { hasCode } from '../syscalls/error.ts';
import { syncDirectory, syncDirectoryAside, syncfs } from '../syscalls/sync.ts';
import { type OverlayDirectories, overlayDirectories } from './directories.ts';
import { overlayFeatures } from './features.ts';
import { tieToIdMap } from './idmap-record.ts';
import { overlayMounts, writtenBy } from './mounts.ts';
import { createTreeRemoval } from './removal.ts';
import { treeUsage } from './usage.ts';

export interface OverlayStoreOptions {
  /** Where snapshots live; on a file system that can hold overlay upper directories. */
  readonly directory: string;
  /** Extra overlay options; what this kernel knows of containerd's, when absent. */
  readonly features?: readonly string[];
}

const makeDirectory = (path: string, mode: number): boolean => {
  try {
    mkdirSync(path, { mode });
    return true;
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return false;
    throw error;
  }
};

const create = async (
  directories: OverlayDirectories,
  id: SnapshotId,
  kind: 'active' | 'view',
): Promise<void> => {
  makeDirectory(directories.snapshot(id), 0o700);
  // the umask must not decide how a container sees its root
  if (makeDirectory(directories.fs(id), 0o755)) chmodSync(directories.fs(id), 0o755);
  if (kind === 'active') makeDirectory(directories.work(id), 0o711);
  await Promise.all([directories.snapshot(id), directories.snapshots].map(syncDirectoryAside));
};

/** Renames the directory out of sight, durably; nothing happens where it is out already. */
const withdraw = (directories: OverlayDirectories, id: SnapshotId): void => {
  for (let attempt = 0; existsSync(directories.snapshot(id)); attempt += 1) {
    try {
      renameSync(directories.snapshot(id), join(directories.removed, `${id}.${attempt}`));
      syncDirectory(directories.snapshots);
      syncDirectory(directories.removed);
    } catch (error) {
      // the remains of a removal that a crash cut short
      if (!hasCode(error, 'ENOTEMPTY', 'EEXIST')) throw error;
    }
  }
};

/** @throws Rejection `not-found` */
const openDirectory = (id: SnapshotId, path: string): number => {
  try {
    return openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error;
    throw new Rejection('not-found', `sync of snapshot '${id}': it has no directory`, { cause: error });
  }
};

const idOfRemoved = (name: string): string => name.slice(0, name.indexOf('.'));

/**
 * Snapshots as directories for overlayfs, laid out as containerd does.
 * @throws Rejection `invalid-argument` where the directory's name can't stand in overlay options
 */
export const createOverlayStore = (options: OverlayStoreOptions): SnapshotStore => {
  const { directory } = options;
  if (!/^\/[^,:\\"\s]*$/.test(directory)) {
    throw new Rejection(
      'invalid-argument',
      `snapshot directory '${directory}' must be absolute and free of , : \\ " and white space, since overlay options hold it; choose another`,
    );
  }
  const directories = overlayDirectories(directory);
  const features = options.features ?? overlayFeatures();
  const removeTree = createTreeRemoval();
  mkdirSync(directories.snapshots, { recursive: true, mode: 0o700 });
  mkdirSync(directories.removed, { recursive: true, mode: 0o700 });
  syncDirectory(directory);

  const removedNames = async (id: SnapshotId) =>
    (await readdir(directories.removed)).filter((name) => idOfRemoved(name) === id);

  return {
    create: (id, kind) => create(directories, id, kind),
    mounts: (id, parents, writable, ids) => overlayMounts(directories, id, parents, writable, features, ids),
    mapIds: async (id, ids) => tieToIdMap(directories, id, ids),
    sync: async (id) => {
      const fd = openDirectory(id, directories.fs(id));
      try {
        await syncfs(fd);
      } finally {
        closeSync(fd);
      }
    },
    writtenBy: (mounts) => writtenBy(directories, mounts),
    usage: async (id) => {
      try {
        return await treeUsage(directories.fs(id));
      } catch (error) {
        if (!hasCode(error, 'ENOENT')) throw error;
        throw new Rejection('not-found', `usage of snapshot '${id}': it has no directory`, { cause: error });
      }
    },
    remove: async (id) => {
      withdraw(directories, id);
      await Promise.all((await removedNames(id)).map((name) => removeTree(join(directories.removed, name))));
    },
    list: async () => {
      const [present, leaving] = await Promise.all([
        readdir(directories.snapshots),
        readdir(directories.removed),
      ]);
      const names = new Set([...present, ...leaving.map(idOfRemoved)]);
      return [...names].flatMap((name) => {
        const id = SnapshotId.safeParse(name);
        return id.success ? [id.data] : [];
      });
    },
  };
};
