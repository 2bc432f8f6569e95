import { mkdir, rmdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import type { IdMapping } from '../../domain/id-mapping.ts';
import type { Mount } from '../../domain/mount.ts';
import { isRejection, Rejection } from '../../domain/rejection.ts';
import type { Mounter } from '../../engine/ports/mounts.ts';
import { hasCode } from '../syscalls/error.ts';
import { MountFlag, mountAsync, UmountFlag, umountAsync } from '../syscalls/mount.ts';
import { takeIdMap } from './idmap.ts';
import { mapLowerDirectories, mappedRefusal, mountMapped, removeStaging } from './idmap-lower.ts';
import { withUserNamespace } from './idmap-namespace.ts';
import { checkReach } from './idmap-reach.ts';
import { parseMountOptions } from './mount-options.ts';
import { isWithin, mountPoints } from './mount-table.ts';
import { fitOverlayOptions } from './short-paths.ts';

export interface MounterOptions {
  /** Where short-lived symlinks for long overlay options may stand; the temporary directory when absent. */
  readonly scratch?: string;
}

/** Flags that a bind mount takes only in a remount of its own. */
const bindOnly = MountFlag.bind | MountFlag.rec;

/** Mounts stacked on one target that `unmount` takes away before it gives up. */
const STACK = 256;

interface OverlayMount {
  readonly scratch: string;
  readonly ids: IdMapping | undefined;
  readonly made: () => void;
}

const mountOverlay = async (
  mount: Mount,
  target: string,
  flags: number,
  data: readonly string[],
  { scratch, ids, made }: OverlayMount,
): Promise<void> => {
  const lower = ids === undefined ? undefined : await mapLowerDirectories(data, target, ids);
  try {
    const fitted = fitOverlayOptions(lower?.data ?? data, scratch);
    try {
      await mountAsync({ source: mount.source, target, type: 'overlay', flags, data: fitted.data });
      made();
    } catch (error) {
      throw lower === undefined ? error : mappedRefusal(target, error);
    } finally {
      fitted.release();
    }
  } finally {
    await lower?.release();
  }
};

/** @param made called when there is a mount to take back, should a later step fail */
const mountOne = async (mount: Mount, target: string, scratch: string, made: () => void): Promise<void> => {
  const { ids, rest } = takeIdMap(mount.options);
  const { flags, propagation, data } = parseMountOptions(rest);
  const isBind = (flags & MountFlag.bind) !== 0;
  if (ids !== undefined) checkReach(target, ids);
  if (mount.type === 'overlay') {
    await mountOverlay(mount, target, flags, data, { scratch, ids, made });
  } else if (isBind && ids !== undefined) {
    const readonly = (flags & MountFlag.readonly) !== 0;
    await withUserNamespace(ids, async (namespace) =>
      mountMapped(mount.source, target, namespace, { readonly }),
    );
    made();
  } else {
    const type = isBind ? '' : mount.type;
    await mountAsync({ source: mount.source, target, type, flags, data: data.join(',') });
    made();
  }
  for (const spread of propagation) {
    await mountAsync({ source: '', target, type: '', flags: spread, data: '' });
  }
  if (isBind && (flags & ~bindOnly) !== 0) {
    await mountAsync({ source: '', target, type: '', flags: flags | MountFlag.remount, data: '' });
  }
};

/** @returns false where there was no mount */
const unmountOne = async (target: string): Promise<boolean> => {
  try {
    await umountAsync(target, UmountFlag.nofollow);
    return true;
  } catch (error) {
    if (hasCode(error, 'EINVAL', 'ENOENT')) return false;
    if (!hasCode(error, 'EBUSY')) throw error;
  }
  await umountAsync(target, UmountFlag.nofollow | UmountFlag.detach);
  return true;
};

/** @returns false where something is in it */
const removeEmpty = async (directory: string): Promise<boolean> => {
  try {
    await rmdir(directory);
    return true;
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR')) return true;
    if (!hasCode(error, 'ENOTEMPTY')) throw error;
    return false;
  }
};

/** The directory of a mount that is gone, and what a mount that was cut short left in it. */
const removeTarget = async (target: string): Promise<void> => {
  if (!(await removeEmpty(target)) && (await removeStaging(target))) await removeEmpty(target);
};

const words = (error: unknown) => (error instanceof Error ? error.message : String(error));

/** Mounts by mount(2) in the mount namespace of this process; off the main thread, since a disk may be slow to answer. */
export const createMounter = (options: MounterOptions = {}): Mounter => {
  const scratch = options.scratch ?? tmpdir();
  /** The last thing under way at each target: a task that fails early is cleaned up while its root is still being mounted. */
  const underWay = new Map<string, Promise<void>>();
  const inTurn = async (target: string, work: () => Promise<void>): Promise<void> => {
    const before = underWay.get(target);
    const done = before === undefined ? work() : before.then(work, work);
    underWay.set(target, done);
    try {
      await done;
    } finally {
      if (underWay.get(target) === done) underWay.delete(target);
    }
  };

  const unmount = async (target: string): Promise<void> => {
    try {
      for (let depth = 0; depth < STACK; depth += 1) {
        if (!(await unmountOne(target))) return await removeTarget(target);
      }
    } catch (error) {
      throw new Rejection('internal', `unmount '${target}': ${words(error)}`, { cause: error });
    }
    throw new Rejection('internal', `unmount '${target}': more than ${STACK} mounts are stacked there`);
  };

  /** What was there before must stay: only as many mounts go as were made. */
  const takeBack = async (target: string, made: number): Promise<void> => {
    for (let index = 0; index < made; index += 1) await unmountOne(target);
  };

  const mount = async (mounts: readonly Mount[], target: string): Promise<void> => {
    await mkdir(target, { recursive: true });
    let made = 0;
    for (const each of mounts) {
      try {
        await mountOne(each, target, scratch, () => {
          made += 1;
        });
      } catch (error) {
        await takeBack(target, made);
        if (isRejection(error)) throw error;
        throw new Rejection(
          'internal',
          `mount ${each.type} '${each.source}' at '${target}' with '${each.options.join(',')}': ${words(error)}`,
          { cause: error },
        );
      }
    }
  };

  return {
    mount: (mounts, target) => inTurn(target, () => mount(mounts, target)),
    unmount: (target) => inTurn(target, () => unmount(target)),
    under: async (prefix) => [...new Set((await mountPoints()).filter((point) => isWithin(point, prefix)))],
  };
};
