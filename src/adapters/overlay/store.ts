import { chmodSync, lstatSync, mkdirSync } from 'node:fs';
import type { SnapshotId } from '../../domain/identity.ts';
import { Rejection } from '../../domain/rejection.ts';
import type { RootStore } from '../../engine/ports/snapshots.ts';
import { openSnapshotDirectories } from '../snapshot-directories/directories.ts';
import { hasCode } from '../syscalls/error.ts';
import { lchown } from '../syscalls/ownership.ts';
import { syncDirectoryAside } from '../syscalls/sync.ts';
import { type OverlayDirectories, overlayDirectories } from './directories.ts';
import { overlayFeatures } from './features.ts';
import { tieToIdMap } from './idmap-record.ts';
import { overlayMounts, writtenBy } from './mounts.ts';

export interface OverlayStoreOptions {
  /** Where snapshots live; on a file system that can hold overlay upper directories. */
  readonly directory: string;
  /** Extra overlay options; what this kernel knows of containerd's, when absent. */
  readonly features?: readonly string[];
  /** Whether mounts under other ids can be made of it (`canMapIds`); not when absent. */
  readonly remapIds?: boolean;
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

/**
 * The root of a tree belongs to whom it belongs to beneath, as in containerd: a client that gave a layer to the ids of a user
 * namespace finds it so in what it builds on it.
 */
const inheritOwner = (parent: string, own: string): void => {
  const { uid, gid } = lstatSync(parent);
  if (uid !== 0 || gid !== 0) lchown(own, uid, gid);
};

const create = async (
  directories: OverlayDirectories,
  id: SnapshotId,
  kind: 'active' | 'view',
  parent: SnapshotId | undefined,
): Promise<void> => {
  makeDirectory(directories.snapshot(id), 0o700);
  // the umask must not decide how a container sees its root
  if (makeDirectory(directories.fs(id), 0o755)) chmodSync(directories.fs(id), 0o755);
  if (parent !== undefined) inheritOwner(directories.fs(parent), directories.fs(id));
  if (kind === 'active') makeDirectory(directories.work(id), 0o711);
  await Promise.all([directories.snapshot(id), directories.snapshots].map(syncDirectoryAside));
};

/**
 * Snapshots as directories for overlayfs, laid out as containerd does.
 * @throws Rejection `invalid-argument` where the directory's name can't stand in overlay options
 */
export const createOverlayStore = (options: OverlayStoreOptions): RootStore => {
  const { directory } = options;
  if (!/^\/[^,:\\"\s]*$/.test(directory)) {
    throw new Rejection(
      'invalid-argument',
      `snapshot directory '${directory}' must be absolute and free of , : \\ " and white space, since overlay options hold it; choose another`,
    );
  }
  const directories = overlayDirectories(directory);
  const features = options.features ?? overlayFeatures();
  const kept = openSnapshotDirectories({ directory, treeOf: directories.fs });
  return {
    capabilities: options.remapIds === true ? ['remap-ids', 'rebase'] : ['rebase'],
    directory,
    create: (id, kind, [parent] = []) => create(directories, id, kind, parent),
    mounts: (id, parents, writable, ids) => overlayMounts(directories, id, parents, writable, features, ids),
    mapIds: async (id, ids) => tieToIdMap(directories, id, ids),
    writtenBy: (mounts) => writtenBy(directories, mounts),
    sync: kept.sync,
    usage: kept.usage,
    remove: kept.remove,
    list: kept.list,
  };
};
