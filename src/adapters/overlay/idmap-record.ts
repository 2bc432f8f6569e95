import {
  closeSync,
  fsyncSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { type IdMapping, isMapped, mappedRoot, oneRange } from '../../domain/id-mapping.ts';
import type { SnapshotId } from '../../domain/identity.ts';
import { Rejection } from '../../domain/rejection.ts';
import { hasCode } from '../syscalls/error.ts';
import { lchown } from '../syscalls/ownership.ts';
import { syncDirectory } from '../syscalls/sync.ts';
import type { OverlayDirectories } from './directories.ts';
import { sameIdMap, showIdMap } from './idmap.ts';

/**
 * The mapping that a snapshot's files were written under stands beside them, in `<id>/idmap.json`: their ids on disk are
 * the host's, so under another mapping they would be somebody else's.
 */
const id = z.number().int().nonnegative();
const Ranges = z.array(z.object({ container: id, host: id, size: z.number().int().positive() })).min(1);
/** Of before there could be several ranges. */
const OneRange = z.object({ hostUid: id, hostGid: id, size: z.number().int().positive() });
const Recorded = z.union([z.object({ uids: Ranges, gids: Ranges }), OneRange.transform(oneRange)]);

const recordOf = (directories: OverlayDirectories, id: SnapshotId) =>
  join(directories.snapshot(id), 'idmap.json');

const readRecord = (path: string): IdMapping | undefined => {
  try {
    return Recorded.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
};

const writeRecord = (path: string, ids: IdMapping): void => {
  const fresh = `${path}.new`;
  const fd = openSync(fresh, 'w', 0o600);
  try {
    writeSync(fd, JSON.stringify(ids));
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(fresh, path);
  syncDirectory(join(path, '..'));
};

/** Gives a directory to the mapped root, unless an id of the mapping has it already: the container may have changed it. */
const handOver = (path: string, ids: IdMapping): void => {
  const root = mappedRoot(ids);
  if (!isMapped(ids.uids, statSync(path).uid)) lchown(path, root.uid, root.gid);
};

/**
 * Ties an active snapshot to a mapping, for good.
 * @throws Rejection `not-found`, `failed-precondition` where it has files of another mapping or of none
 */
export const tieToIdMap = (directories: OverlayDirectories, id: SnapshotId, ids: IdMapping): void => {
  const path = recordOf(directories, id);
  const recorded = readRecord(path);
  if (recorded !== undefined && !sameIdMap(recorded, ids)) {
    throw new Rejection(
      'failed-precondition',
      `snapshot '${id}' was written under the user namespace ${showIdMap(recorded)}, not ${showIdMap(ids)}; make a new container`,
    );
  }
  if (recorded === undefined) {
    if (filesIn(directories.fs(id), id) > 0) {
      throw new Rejection(
        'failed-precondition',
        `snapshot '${id}' was written without a user namespace, not under ${showIdMap(ids)}; make a new container`,
      );
    }
    writeRecord(path, ids);
  }
  handOver(directories.fs(id), ids);
  handOver(directories.work(id), ids);
  if (recorded === undefined) syncDirectory(directories.snapshots);
};

const filesIn = (path: string, id: SnapshotId): number => {
  try {
    return readdirSync(path).length;
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error;
    throw new Rejection('not-found', `snapshot '${id}' has no directory`, { cause: error });
  }
};
