import { existsSync, lstatSync, mkdirSync, rmSync } from 'node:fs';
import { chmod, mkdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { SnapshotId } from '../../domain/identity.ts';
import { Rejection } from '../../domain/rejection.ts';
import type { RootStore } from '../../engine/ports/snapshots.ts';
import { openSnapshotDirectories } from '../snapshot-directories/directories.ts';
import { lchown } from '../syscalls/ownership.ts';
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

/**
 * The root of a tree belongs to whom it belongs to beneath, as in containerd: a client that gave a layer to the ids of a user
 * namespace finds it so in what it builds on it.
 */
const inheritOwner = (parent: string, own: string): void => {
  const { uid, gid } = lstatSync(parent);
  if (uid !== 0 || gid !== 0) lchown(own, uid, gid);
};

/**
 * Whole or not at all, since it gets its name last and file systems keep names in their order. Not synced: there is nothing
 * in it yet, and a start makes it again where a power cut took it.
 */
const create = async (
  directories: OverlayDirectories,
  id: SnapshotId,
  kind: 'active' | 'view',
  parent: SnapshotId | undefined,
): Promise<void> => {
  if (existsSync(directories.snapshot(id))) return;
  const made = join(directories.making, id);
  const fs = join(made, 'fs');
  await mkdir(fs, { recursive: true, mode: 0o700 });
  // the umask must not decide how a container sees its root
  await chmod(fs, 0o755);
  if (parent !== undefined) inheritOwner(directories.fs(parent), fs);
  if (kind === 'active') await mkdir(join(made, 'work'), { recursive: true, mode: 0o711 });
  await rename(made, directories.snapshot(id));
};

/** What a crash left here is named nowhere, and is nothing but empty directories. */
const sweepMaking = ({ making }: OverlayDirectories): void => {
  rmSync(making, { recursive: true, force: true });
  mkdirSync(making, { mode: 0o700 });
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
  sweepMaking(directories);
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
