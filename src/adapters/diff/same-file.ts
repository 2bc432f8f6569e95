import { type BigIntStats, closeSync, readSync } from 'node:fs';
import { linkTargetOf, openFile, xattrsOf } from './tree-reader.ts';

/** One name in one of the trees. */
export interface Seen {
  readonly directory: number;
  readonly name: string;
  readonly stat: BigIntStats;
}

const SECOND = 1_000_000_000n;
const CHUNK = 256 * 1024;

const sameXattrs = (a: Seen, b: Seen): boolean => {
  const left = xattrsOf(a.directory, a.name);
  const right = xattrsOf(b.directory, b.name);
  return (
    left.length === right.length &&
    left.every(({ name, value }, at) => right[at]?.name === name && right[at].value.equals(value))
  );
};

/** Both read to the end, or the first difference. */
const sameContent = (a: Seen, b: Seen): boolean => {
  const left = openFile(a.directory, a.name);
  try {
    const right = openFile(b.directory, b.name);
    try {
      return sameBytes(left, right);
    } finally {
      closeSync(right);
    }
  } finally {
    closeSync(left);
  }
};

const filled = (fd: number, buffer: Buffer): number => {
  let length = 0;
  while (length < buffer.length) {
    const read = readSync(fd, buffer, length, buffer.length - length, null);
    if (read === 0) break;
    length += read;
  }
  return length;
};

const sameBytes = (left: number, right: number): boolean => {
  const a = Buffer.allocUnsafe(CHUNK);
  const b = Buffer.allocUnsafe(CHUNK);
  for (;;) {
    const length = filled(left, a);
    if (filled(right, b) !== length) return false;
    if (!a.subarray(0, length).equals(b.subarray(0, length))) return false;
    if (length < CHUNK) return true;
  }
};

/**
 * By time, as containerd compares: a change of content changes it. Times of whole seconds may have been cut down by an
 * archive that held no more, so then the contents decide.
 */
const sameTimeOrContent = (a: Seen, b: Seen): boolean => {
  const [left, right] = [a.stat.mtimeNs, b.stat.mtimeNs];
  if (left / SECOND !== right / SECOND) return false;
  const cut = left % SECOND === 0n || right % SECOND === 0n;
  if (!cut) return left === right;
  return a.stat.isFile() && a.stat.size > 0n ? sameContent(a, b) : true;
};

/** Whether nothing that a layer would carry has changed. What a directory holds, and its time, is not looked at. */
export const isSame = (a: Seen, b: Seen): boolean => {
  if (a.stat.mode !== b.stat.mode || a.stat.uid !== b.stat.uid || a.stat.gid !== b.stat.gid) return false;
  const device = a.stat.isCharacterDevice() || a.stat.isBlockDevice();
  if (device && a.stat.rdev !== b.stat.rdev) return false;
  if (!a.stat.isDirectory()) {
    if (a.stat.size !== b.stat.size) return false;
    if (a.stat.isSymbolicLink() && linkTargetOf(a.directory, a.name) !== linkTargetOf(b.directory, b.name)) {
      return false;
    }
    if (!sameTimeOrContent(a, b)) return false;
  }
  return sameXattrs(a, b);
};
