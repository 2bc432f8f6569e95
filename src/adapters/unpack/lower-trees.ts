import { type BigIntStats, closeSync, constants, fstatSync, readSync, writeSync } from 'node:fs';
import { hasCode } from '../syscalls/error.ts';
import { FileType } from '../syscalls/node.ts';
import { O_PATH, open, openat2, Resolve } from '../syscalls/open.ts';
import type { FileTime } from '../syscalls/times.ts';
import { getXattr, listXattrs } from '../syscalls/xattr.ts';
import { LayerError, shownName } from './layer-error.ts';
import { finishFile, type Metadata, mayCarry } from './metadata.ts';

const bytes = (name: string) => Buffer.from(`${name}\0`, 'latin1');

const timeOf = (nanoseconds: bigint): FileTime => {
  const rest = ((nanoseconds % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n;
  return { seconds: Number((nanoseconds - rest) / 1_000_000_000n), nanoseconds: Number(rest) };
};

export const metadataOf = (stat: BigIntStats): Metadata => ({
  mode: Number(stat.mode) & 0o7777,
  uid: Number(stat.uid),
  gid: Number(stat.gid),
  mtime: timeOf(stat.mtimeNs),
  xattrs: [],
});

const withXattrs = (fd: number): Metadata => ({
  ...metadataOf(fstatSync(fd, { bigint: true })),
  xattrs: listXattrs(fd)
    .filter(mayCarry)
    .flatMap((name) => {
      const value = getXattr(fd, bytes(name));
      return value === undefined ? [] : [{ name, value }];
    }),
});

const isDirectory = (stat: BigIntStats) => (Number(stat.mode) & FileType.mask) === FileType.directory;
const isRegular = (stat: BigIntStats) => (Number(stat.mode) & FileType.mask) === FileType.regular;

/**
 * The layers beneath the one being unpacked, for what it leaves out. Each is looked into by openat2(2) as if it were the
 * root, so that no symlink of theirs leads out either.
 */
export class LowerTrees {
  readonly #roots: readonly number[];

  /** @param roots open directories, from the direct parent to the base */
  constructor(roots: readonly number[]) {
    this.#roots = roots;
  }

  /** Whether there are none: the layer is a base. */
  get isEmpty(): boolean {
    return this.#roots.length === 0;
  }

  /** Metadata of a directory in the nearest layer that has the name; undefined where none has, or where it is no directory there. */
  directory(name: string): Metadata | undefined {
    return this.#nearest(name, 0, (root, stat) =>
      isDirectory(stat)
        ? this.#opened(root, name, constants.O_RDONLY | constants.O_DIRECTORY, withXattrs)
        : undefined,
    );
  }

  /**
   * Copies a file up, as overlayfs would before linking to it.
   * @param to a path that isn't there yet
   * @throws LayerError where no layer beneath has such a file
   */
  copyFile(name: string, to: Buffer): void {
    const done = this.#nearest(name, constants.O_NOFOLLOW, (root, stat) => {
      if (!isRegular(stat)) return undefined;
      return this.#opened(root, name, constants.O_RDONLY | constants.O_NOFOLLOW, (source) => {
        copyContents(source, to);
        return true;
      });
    });
    if (!done) throw new LayerError(`hard link to '${shownName(name)}', which no layer has as a file`);
  }

  #nearest<T>(name: string, flags: number, use: (root: number, stat: BigIntStats) => T): T | undefined {
    for (const root of this.#roots) {
      try {
        return this.#opened(root, name, O_PATH | flags, (fd) => use(root, fstatSync(fd, { bigint: true })));
      } catch (error) {
        // not a directory on the way: a whiteout or a file hides what lies deeper
        if (hasCode(error, 'ENOTDIR', 'ELOOP')) return undefined;
        if (!hasCode(error, 'ENOENT')) throw error;
      }
    }
    return undefined;
  }

  #opened<T>(root: number, name: string, flags: number, use: (fd: number) => T): T {
    const fd = openat2(root, bytes(name), { flags, resolve: Resolve.inRoot });
    try {
      return use(fd);
    } finally {
      closeSync(fd);
    }
  }
}

const copyContents = (source: number, to: Buffer): void => {
  const metadata = withXattrs(source);
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  const fd = open(to, flags, metadata.mode & 0o777);
  try {
    const buffer = Buffer.allocUnsafe(256 * 1024);
    for (let length = readSync(source, buffer); length > 0; length = readSync(source, buffer)) {
      for (let at = 0; at < length; ) at += writeSync(fd, buffer, at, length - at);
    }
    finishFile(fd, metadata);
  } finally {
    closeSync(fd);
  }
};
