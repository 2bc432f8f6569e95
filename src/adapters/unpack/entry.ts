import type { FileTime } from '../syscalls/times.ts';

export type EntryType = 'file' | 'directory' | 'symlink' | 'hardlink' | 'character' | 'block' | 'fifo';

/** One entry of a tar archive. Names are bytes, one a character (latin1): archives don't say what encoding they are in. */
export interface TarEntry {
  readonly name: string;
  readonly type: EntryType;
  /** The twelve permission bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Bytes of content that follow; 0 for everything but files. */
  readonly size: number;
  readonly mtime: FileTime;
  /** Target of a symlink or hard link. */
  readonly linkName: string;
  readonly deviceMajor: number;
  readonly deviceMinor: number;
  /** From pax `SCHILY.xattr.*` records, values as they are. */
  readonly xattrs: readonly Xattr[];
}

export interface Xattr {
  readonly name: string;
  readonly value: Buffer;
}
