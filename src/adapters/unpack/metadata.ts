import { hasCode } from '../syscalls/error.ts';
import { chmod, fchmod, fchown, lchown } from '../syscalls/ownership.ts';
import { type FileTime, setTimes, setTimesOf } from '../syscalls/times.ts';
import { setXattr } from '../syscalls/xattr.ts';
import type { Xattr } from './entry.ts';

export interface Metadata {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Absent: the time it was made. */
  readonly mtime?: FileTime;
  readonly xattrs: readonly Xattr[];
}

/** Set-user-id, set-group-id and sticky: what open(2) leaves out and chown(2) takes away. */
const SPECIAL_BITS = 0o7000;

/**
 * Attributes that a layer may carry. `trusted.*` is the host's: `trusted.overlay.redirect` and its like would let a
 * layer show any directory of the host's disk.
 */
export const mayCarry = (xattrName: string): boolean => !xattrName.startsWith('trusted.');

const setXattrs = (target: Buffer | number, xattrs: readonly Xattr[]): void => {
  for (const { name, value } of xattrs) {
    if (!mayCarry(name)) continue;
    try {
      setXattr(target, Buffer.from(`${name}\0`, 'latin1'), value);
    } catch (error) {
      // a disk without attributes can't keep them; containerd goes on as well
      if (!hasCode(error, 'ENOTSUP', 'EOPNOTSUPP')) throw error;
    }
  }
};

const ownedByOther = ({ uid, gid }: Metadata): boolean => uid !== 0 || gid !== 0;

/**
 * The order matters: a change of owner strips set-id bits and capabilities, writing strips capabilities, so contents come
 * first, then owner, attributes, mode, times. What a fresh file of root's has already is left out.
 */
export const finishFile = (fd: number, metadata: Metadata): void => {
  if (ownedByOther(metadata)) fchown(fd, metadata.uid, metadata.gid);
  setXattrs(fd, metadata.xattrs);
  if ((metadata.mode & SPECIAL_BITS) !== 0) fchmod(fd, metadata.mode);
  if (metadata.mtime !== undefined) setTimesOf(fd, metadata.mtime);
};

/** As {@link finishFile}, for a symlink, which has no mode of its own. */
export const finishSymlink = (path: Buffer, metadata: Metadata): void => {
  if (ownedByOther(metadata)) lchown(path, metadata.uid, metadata.gid);
  setXattrs(path, metadata.xattrs);
  if (metadata.mtime !== undefined) setTimes(path, metadata.mtime);
};

/** Everything, for a path that is no symlink and may have had other metadata before. */
export const finishPath = (path: Buffer, metadata: Metadata, before?: Metadata): void => {
  if (before === undefined ? ownedByOther(metadata) : !sameOwner(metadata, before)) {
    lchown(path, metadata.uid, metadata.gid);
  }
  setXattrs(path, metadata.xattrs);
  if (before === undefined || before.mode !== metadata.mode || !sameOwner(metadata, before)) {
    chmod(path, metadata.mode);
  }
  if (metadata.mtime !== undefined) setTimes(path, metadata.mtime);
};

const sameOwner = (a: Metadata, b: Metadata) => a.uid === b.uid && a.gid === b.gid;
