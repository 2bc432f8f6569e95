import { mkdir, rmdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import type { Mount } from '../../domain/mount.ts';
import { Rejection } from '../../domain/rejection.ts';
import type { Mounter } from '../../engine/ports/mounts.ts';
import { hasCode } from '../syscalls/error.ts';
import { MountFlag, mountAsync, UmountFlag, umountAsync } from '../syscalls/mount.ts';
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

/** @param made called when there is a mount to take back, should a later step fail */
const mountOne = async (mount: Mount, target: string, scratch: string, made: () => void): Promise<void> => {
  const { flags, propagation, data } = parseMountOptions(mount.options);
  const fitted =
    mount.type === 'overlay'
      ? fitOverlayOptions(data, scratch)
      : { data: data.join(','), release: () => undefined };
  const isBind = (flags & MountFlag.bind) !== 0;
  const type = isBind ? '' : mount.type;
  try {
    await mountAsync({ source: mount.source, target, type, flags, data: fitted.data });
    made();
  } finally {
    fitted.release();
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

const removeEmpty = async (directory: string): Promise<void> => {
  try {
    await rmdir(directory);
  } catch (error) {
    if (!hasCode(error, 'ENOENT', 'ENOTEMPTY', 'ENOTDIR')) throw error;
  }
};

const words = (error: unknown) => (error instanceof Error ? error.message : String(error));

/** Mounts by mount(2) in the mount namespace of this process; off the main thread, since a disk may be slow to answer. */
export const createMounter = (options: MounterOptions = {}): Mounter => {
  const scratch = options.scratch ?? tmpdir();

  const unmount = async (target: string): Promise<void> => {
    try {
      for (let depth = 0; depth < STACK; depth += 1) {
        if (!(await unmountOne(target))) return await removeEmpty(target);
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

  return {
    mount: async (mounts, target) => {
      await mkdir(target, { recursive: true });
      let made = 0;
      for (const mount of mounts) {
        try {
          await mountOne(mount, target, scratch, () => {
            made += 1;
          });
        } catch (error) {
          await takeBack(target, made);
          throw new Rejection(
            'internal',
            `mount ${mount.type} '${mount.source}' at '${target}' with '${mount.options.join(',')}': ${words(error)}`,
            { cause: error },
          );
        }
      }
    },
    unmount,
    under: async (prefix) => [...new Set((await mountPoints()).filter((point) => isWithin(point, prefix)))],
  };
};
