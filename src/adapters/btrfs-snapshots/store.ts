import { execFile } from 'node:child_process';
import { chmodSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { SnapshotId } from '../../domain/identity.ts';
import { Rejection } from '../../domain/rejection.ts';
import type { SnapshotStore } from '../../engine/ports/snapshots.ts';
import { openSnapshotDirectories } from '../snapshot-directories/directories.ts';
import { statFileSystem } from '../syscalls/statfs.ts';
import { syncDirectoryAside } from '../syscalls/sync.ts';

const run = promisify(execFile);

/** btrfs(8) on subvolumes; it says on standard error what went wrong. */
const subvolume = async (
  verb: 'create' | 'snapshot' | 'delete',
  ...args: readonly string[]
): Promise<void> => {
  try {
    await run('btrfs', ['subvolume', verb, ...args]);
  } catch (error) {
    const said = error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : String(error);
    const full = /No space left on device|Disk quota exceeded/.test(said);
    throw new Rejection(
      full ? 'resource-exhausted' : 'internal',
      `btrfs subvolume ${verb} '${args.at(-1)}': ${said.slice(0, 1000)}`,
      { cause: error },
    );
  }
};

/**
 * Why there can be no such store in a directory, or undefined where there can.
 * @param directory is there
 */
export const btrfsMissing = async (directory: string): Promise<string | undefined> => {
  const { type } = statFileSystem(directory);
  if (type !== 'btrfs') return `path ${directory} is on ${type}, not on btrfs`;
  try {
    await run('btrfs', ['--version']);
    return undefined;
  } catch {
    return 'the program btrfs (of btrfs-progs) is not here';
  }
};

/**
 * containerd's `btrfs` snapshotter: each snapshot is a subvolume, made as a snapshot of its parent, which shares all blocks
 * until they are written to. It is seen through a bind mount; a view shows its parent's subvolume.
 *
 *     <directory>/snapshots/<id>    the subvolume
 */
export const createBtrfsStore = ({ directory }: { readonly directory: string }): SnapshotStore => {
  const treeOf = (id: SnapshotId): string => join(directory, 'snapshots', id);
  const kept = openSnapshotDirectories({
    directory,
    treeOf,
    removeTree: (path) => subvolume('delete', '--commit-after', path),
  });

  const snapshotOf = async (id: SnapshotId, parent: SnapshotId): Promise<void> => {
    if (!existsSync(treeOf(parent))) {
      throw new Rejection('not-found', `snapshot '${id}' on '${parent}': that has no directory`);
    }
    await subvolume('snapshot', treeOf(parent), treeOf(id));
  };

  return {
    capabilities: [],
    directory,
    create: async (id, kind, [parent]) => {
      if (existsSync(treeOf(id))) return;
      if (kind === 'active' && parent !== undefined) await snapshotOf(id, parent);
      else {
        await subvolume('create', treeOf(id));
        // the umask must not decide how a container sees its root
        chmodSync(treeOf(id), 0o755);
      }
      await kept.sync(id);
      await syncDirectoryAside(kept.snapshots);
    },
    mounts: (id, [parent], writable) => [
      {
        type: 'bind',
        source: treeOf(writable || parent === undefined ? id : parent),
        options: ['rbind', writable ? 'rw' : 'ro'],
      },
    ],
    sync: kept.sync,
    usage: kept.usage,
    remove: kept.remove,
    list: kept.list,
  };
};
