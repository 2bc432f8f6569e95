import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import { Rejection } from '../../domain/rejection.ts';
import { hasCode } from '../syscalls/error.ts';
import { openat2, Resolve } from '../syscalls/open.ts';

/** Largest account file that is read, in bytes. */
const limit = 16 * 1024 * 1024;

/**
 * The text of a file inside a root file system, every symlink on the way taken as inside it (openat2, RESOLVE_IN_ROOT),
 * so that an image can never point at a file of the host.
 * @param path absolute as seen from inside
 * @returns undefined where it is missing or no regular file
 * @throws Rejection `failed-precondition` when it is over 16 MiB or its links go round in circles
 */
export const readRooted = (root: string, path: string): string | undefined => {
  const rootFd = openSync(root, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    const flags = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY;
    const fd = openat2(rootFd, path, { flags, resolve: Resolve.inRoot | Resolve.noMagiclinks });
    try {
      const stat = fstatSync(fd);
      if (!stat.isFile()) return undefined;
      if (stat.size > limit)
        throw new Rejection('failed-precondition', `${path} of the image is over ${limit} bytes`);
      return readFileSync(fd, 'utf8');
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR', 'ENXIO')) return undefined;
    if (hasCode(error, 'ELOOP')) {
      throw new Rejection('failed-precondition', `${path} of the image is a circle of symlinks`, {
        cause: error,
      });
    }
    throw error;
  } finally {
    closeSync(rootFd);
  }
};
