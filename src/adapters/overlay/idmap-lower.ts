import { closeSync, mkdirSync, readdirSync, rmdirSync } from 'node:fs';
import { rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { IdMapping } from '../../domain/id-mapping.ts';
import { Rejection } from '../../domain/rejection.ts';
import { hasCode, SyscallError } from '../syscalls/error.ts';
import { attachMount, cloneMount, idMapRefusals, mapMountIds } from '../syscalls/idmap.ts';
import { MountFlag, mount, UmountFlag, umountAsync } from '../syscalls/mount.ts';
import { O_PATH, open } from '../syscalls/open.ts';
import { withUserNamespace } from './idmap-namespace.ts';

/** Where mapped lower directories stand below the target while an overlay is mounted over it. */
const STAGING = '.idmapped-lower';
/** Mounts stacked on a staging directory that are taken away before giving up. */
const STACK = 16;

export interface MappedOptions {
  readonly data: readonly string[];
  /** Must be called when the overlay is mounted, or has failed: it holds its lower directories by itself. */
  release(): Promise<void>;
}

/** The error as the caller is to see it: a refusal where the kernel or the file system knows no idmapped mounts. */
export const mappedRefusal = (path: string, error: unknown): unknown =>
  error instanceof SyscallError && idMapRefusals.includes(error.errno)
    ? new Rejection(
        'failed-precondition',
        `show '${path}' under the ids of a user namespace: ${error.message}: the kernel or the file system can't do ` +
          'idmapped mounts; keep the root directory on ext4, xfs or btrfs under Linux 5.19 or later, or run with --userns host',
        { cause: error },
      )
    : error;

/**
 * Mounts the tree at `source` at `target`, its files under the ids of a user namespace.
 * @throws Rejection `failed-precondition` where that can't be done with this file system or kernel, SyscallError
 */
export const mountMapped = (
  source: string,
  target: string,
  userNamespace: number,
  options: { readonly readonly: boolean },
): void => {
  const clone = cloneMount(source);
  try {
    mapMountIds(clone, userNamespace, options);
    attachMount(clone, target);
  } catch (error) {
    throw mappedRefusal(source, error);
  } finally {
    closeSync(clone);
  }
};

/** @returns whether there was a mount */
const detach = async (path: string): Promise<boolean> => {
  try {
    await umountAsync(path, UmountFlag.detach | UmountFlag.nofollow);
    return true;
  } catch (error) {
    if (hasCode(error, 'EINVAL', 'ENOENT')) return false;
    throw error;
  }
};

/**
 * Takes away what a mount that was cut short left below its target.
 * @returns whether there was anything of the kind
 */
export const removeStaging = async (target: string): Promise<boolean> => {
  const staging = join(target, STAGING);
  for (let depth = 0; depth < STACK && (await detach(staging)); depth += 1);
  try {
    await rmdir(staging);
    return true;
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR', 'ENOTEMPTY')) return false;
    throw error;
  }
};

const lowerPrefix = 'lowerdir=';

/** Stands the mapped trees beside each other in a tmpfs of their own, private and gone with one umount. */
const stage = async (lowers: readonly string[], staging: string, ids: IdMapping): Promise<string[]> => {
  mkdirSync(staging, { mode: 0o700 });
  mount({ source: 'tmpfs', target: staging, type: 'tmpfs', flags: 0, data: 'mode=0700' });
  mount({ source: '', target: staging, type: '', flags: MountFlag.private, data: '' });
  return withUserNamespace(ids, async (userNamespace) =>
    lowers.map((lower, index) => {
      const at = join(staging, String(index));
      mkdirSync(at);
      mountMapped(lower, at, userNamespace, { readonly: true });
      return at;
    }),
  );
};

/**
 * Exchanges the lower directories in overlay options for idmapped mounts of them. These stand below `target`, so that
 * who unmounts the target after a crash finds them, until the overlay has been mounted there and hides them; overlayfs
 * keeps private clones of its lower mounts, and so `release` takes them away again.
 * @param target an empty directory
 */
export const mapLowerDirectories = async (
  options: readonly string[],
  target: string,
  ids: IdMapping,
): Promise<MappedOptions> => {
  if (readdirSync(target).length > 0) {
    throw new Rejection('internal', `mount at '${target}': it is not empty; unmount what is there first`);
  }
  const lowers = options
    .filter((option) => option.startsWith(lowerPrefix))
    .flatMap((option) => option.slice(lowerPrefix.length).split(':'));
  // Opened before the overlay covers it, to reach what is beneath afterwards.
  const beneath = open(target, O_PATH);
  const release = async (): Promise<void> => {
    try {
      const staging = `/proc/self/fd/${beneath}/${STAGING}`;
      await detach(staging);
      rmdirSync(staging);
    } finally {
      closeSync(beneath);
    }
  };
  try {
    const staged = await stage(lowers, join(target, STAGING), ids);
    const rest = options.filter((option) => !option.startsWith(lowerPrefix));
    return { data: [...rest, `${lowerPrefix}${staged.join(':')}`], release };
  } catch (error) {
    await release();
    throw error;
  }
};
