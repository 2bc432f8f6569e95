import { type BigIntStats, closeSync, constants, lstatSync, readdirSync, readlinkSync } from 'node:fs';
import { hasCode } from '../syscalls/error.ts';
import { openat2, Resolve } from '../syscalls/open.ts';
import { getXattr, listXattrs } from '../syscalls/xattr.ts';

/**
 * Looks at trees that somebody may be changing meanwhile. Each directory is opened from its parent's descriptor, and every
 * look is at a single name in one: no path of more than one part is ever followed, so that no symlink leads out.
 */

export interface Xattr {
  readonly name: string;
  readonly value: Buffer;
}

/**
 * Attributes that a layer carries: what programs set, file capabilities and access lists. Others are the host's own
 * (`trusted.overlay.*`) or made by its policy (`security.selinux`, `security.ima`).
 */
const carried = (name: string): boolean =>
  name.startsWith('user.') || name === 'security.capability' || name.startsWith('system.posix_acl_');

const at = (directory: number, name: string): Buffer =>
  Buffer.concat([Buffer.from(`/proc/self/fd/${directory}/`), Buffer.from(name, 'latin1')]);

/** Undefined where there is none, or none any more. */
export const statOf = (directory: number, name: string): BigIntStats | undefined =>
  lstatSync(at(directory, name), { bigint: true, throwIfNoEntry: false });

/** In the order of their bytes. */
export const namesIn = (directory: number): readonly string[] =>
  readdirSync(`/proc/self/fd/${directory}`, { encoding: 'latin1' }).sort();

export const linkTargetOf = (directory: number, name: string): string =>
  readlinkSync(at(directory, name), 'latin1');

/** By name. */
export const xattrsOf = (directory: number, name: string): readonly Xattr[] =>
  [...listXattrs(at(directory, name))]
    .filter(carried)
    .sort()
    .flatMap((attribute) => {
      const value = getXattr(at(directory, name), Buffer.from(`${attribute}\0`, 'latin1'));
      return value === undefined ? [] : [{ name: attribute, value }];
    });

/** Any attribute, where a directory has it. */
export const xattrOf = (directory: number, name: string): Buffer | undefined => getXattr(directory, name);

const opened = (directory: number, name: string, flags: number): number =>
  openat2(directory, Buffer.from(`${name}\0`, 'latin1'), {
    flags: flags | constants.O_NOFOLLOW,
    resolve: Resolve.beneath | Resolve.noSymlinks,
  });

export const openDirectory = (directory: number, name: string): number =>
  opened(directory, name, constants.O_RDONLY | constants.O_DIRECTORY);

/** Undefined where it is no directory, or there is none. */
export const openDirectoryIfThere = (directory: number | undefined, name: string): number | undefined => {
  if (directory === undefined) return undefined;
  try {
    return openDirectory(directory, name);
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR', 'ELOOP')) return undefined;
    throw error;
  }
};

/** Never waits: a fifo that took the name's place meanwhile is opened without its other end. */
export const openFile = (directory: number, name: string): number =>
  opened(directory, name, constants.O_RDONLY | constants.O_NONBLOCK);

export const closeIfOpen = (descriptor: number | undefined): void => {
  if (descriptor !== undefined) closeSync(descriptor);
};
