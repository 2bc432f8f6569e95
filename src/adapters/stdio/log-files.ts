import { type FileHandle, open, readdir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { hasCode } from '../syscalls/error.ts';

/**
 * A log and its rotated siblings: `path` is the newest, `path.1` the one before. `path.kept` is a second name of the newest,
 * until conmon has begun a new one: then it is the one before, and about to become `path.1`.
 */
const keptAge = 0.5;

const ageOf = (name: string, base: string): number | undefined => {
  if (name === base) return 0;
  if (name === `${base}.kept`) return keptAge;
  const suffix = name.startsWith(`${base}.`) ? name.slice(base.length + 1) : '';
  return /^[1-9]\d{0,3}$/.test(suffix) ? Number(suffix) : undefined;
};

/** Paths that exist, oldest first. */
export const logFiles = async (path: string): Promise<readonly string[]> => {
  const base = basename(path);
  let names: readonly string[];
  try {
    names = await readdir(dirname(path));
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return [];
    throw error;
  }
  const found = names
    .flatMap((name) => {
      const age = ageOf(name, base);
      return age === undefined ? [] : [{ path: join(dirname(path), name), age }];
    })
    .toSorted((a, b) => b.age - a.age);
  const kept = found.find(({ age }) => age === keptAge);
  const twice = kept !== undefined && (await inodeOf(kept.path)) === (await inodeOf(path));
  return found.filter((each) => !twice || each !== kept).map((each) => each.path);
};

export interface OpenLog {
  readonly handle: FileHandle;
  /** Names the file through renames, for as long as it is open. */
  readonly inode: bigint;
}

/** @returns undefined where the file has gone (rotated away meanwhile) */
export const openLog = async (path: string): Promise<OpenLog | undefined> => {
  try {
    const handle = await open(path, 'r');
    const { ino } = await handle.stat({ bigint: true });
    return { handle, inode: ino };
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
};

export const inodeOf = async (path: string): Promise<bigint | undefined> => {
  try {
    return (await stat(path, { bigint: true })).ino;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
};

/**
 * The file that was begun after the one with this inode, or the oldest there is when that one was rotated away.
 * @returns undefined while it is still the newest
 */
export const logAfter = async (path: string, inode: bigint): Promise<string | undefined> => {
  if ((await inodeOf(path)) === inode) return undefined;
  const files = await logFiles(path);
  const inodes = await Promise.all(files.map(inodeOf));
  return files[inodes.indexOf(inode) + 1];
};
