import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { runProgram } from '../../test/support/child.ts';

/** A benchmark's own places. Everything under it is gone afterwards. */
export interface Scratch {
  /** On the machine's own disk. */
  readonly directory: string;
  /** On a fresh file system of its own. */
  readonly disk: string;
  /** To be undone at the end, the latest first. */
  later(undo: () => Promise<void>): void;
}

export type DiskKind = 'ext4' | 'tmpfs';

const mountDisk = async (kind: DiskKind, directory: string, disk: string): Promise<void> => {
  mkdirSync(disk);
  if (kind === 'tmpfs') {
    await runProgram('mount', ['-t', 'tmpfs', '-o', 'size=6g', 'tmpfs', disk]);
    return;
  }
  const image = join(directory, 'disk.img');
  writeFileSync(image, '');
  truncateSync(image, 8 * 1024 ** 3);
  await runProgram('mkfs.ext4', ['-q', '-F', '-E', 'lazy_itable_init=0,lazy_journal_init=0', image]);
  await runProgram('mount', ['-o', 'loop', image, disk]);
};

/**
 * Runs work that only prepares, on a disk of ext4 that meanwhile tells nobody to flush: thousands of small blobs would take
 * minutes to write. Afterwards all is on stable storage, and syncs are what they were.
 */
export const unsynced = async (disk: string, prepare: () => Promise<void>): Promise<void> => {
  await runProgram('mount', ['-o', 'remount,barrier=0', disk]);
  try {
    await prepare();
  } finally {
    await runProgram('mount', ['-o', 'remount,barrier=1', disk]);
  }
  await runProgram('sync', ['-f', disk]);
};

/** Processes that were just told to end may keep it busy for a moment. */
const unmount = async (disk: string): Promise<void> => {
  for (let left = 100; ; left -= 1) {
    try {
      await runProgram('umount', [disk]);
      return;
    } catch (error) {
      if (left === 0) throw error;
      await sleep(100);
    }
  }
};

/** Undoes all, the latest first, also after one that fails. @returns what failed */
const undone = async (undo: readonly (() => Promise<void>)[]): Promise<readonly unknown[]> => {
  const failed: unknown[] = [];
  for (const one of undo.toReversed()) {
    await one().catch((error: unknown) => {
      failed.push(error);
    });
  }
  return failed;
};

/**
 * Runs a benchmark with a fresh disk: ext4 on a loop device over a file in /var/tmp, or a tmpfs.
 * @throws what the benchmark throws; AggregateError of that and of what could not be undone, where that is so
 */
export const withScratch = async <T>(kind: DiskKind, use: (scratch: Scratch) => Promise<T>): Promise<T> => {
  // Short, since sockets stand below it.
  const directory = mkdtempSync('/var/tmp/slb-');
  const disk = join(directory, 'd');
  const undo: (() => Promise<void>)[] = [];
  const used = await (async () => {
    await mountDisk(kind, directory, disk);
    undo.push(() => unmount(disk));
    return await use({ directory, disk, later: (one) => undo.push(one) });
  })().then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
  const left = await undone(undo);
  if (left.length > 0) {
    throw new AggregateError('error' in used ? [used.error, ...left] : left, `${directory} is not tidied up`);
  }
  rmSync(directory, { recursive: true, force: true });
  if ('error' in used) throw used.error;
  return used.value;
};
