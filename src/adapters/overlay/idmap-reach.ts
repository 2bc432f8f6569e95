import { statSync } from 'node:fs';
import { dirname } from 'node:path';
import { type IdMapping, mappedRoot } from '../../domain/id-mapping.ts';
import { Rejection } from '../../domain/rejection.ts';

/** Bits of st_mode that let somebody pass through a directory. */
const search = { owner: 0o100, group: 0o010, others: 0o001 };

/** Whether the mapped root, which is nobody in particular on the host, may pass through a directory (path_resolution(7)). */
const mayPass = (path: string, ids: IdMapping): boolean => {
  const root = mappedRoot(ids);
  const { uid, gid, mode } = statSync(path);
  const bit = uid === root.uid ? search.owner : gid === root.gid ? search.group : search.others;
  return root.uid === 0 || (mode & bit) !== 0;
};

/**
 * Sees to it that the root of a user namespace can reach its root file system, which it enters by name.
 * @throws Rejection `failed-precondition` that names the directory in its way
 */
export const checkReach = (target: string, ids: IdMapping): void => {
  for (let path = dirname(target); ; path = dirname(path)) {
    if (!mayPass(path, ids)) {
      throw new Rejection(
        'failed-precondition',
        `mount a root at '${target}' for a user namespace: its root, user ${mappedRoot(ids).uid} of the host, may not pass ` +
          `through '${path}'; allow it (chmod o+x), set another state directory, or run with --userns host`,
      );
    }
    if (path === dirname(path)) return;
  }
};
