import type { BigIntStats } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';

/** When an unfinished write was written last: the time of its file, in microseconds since the Unix epoch. */

export const lastWriteOf = ({ mtimeNs }: Pick<BigIntStats, 'mtimeNs'>): number => Number(mtimeNs / 1000n);

/** The kernel's own time of a write may be some milliseconds behind. */
export const noteLastWrite = async (file: FileHandle, at: number): Promise<void> => {
  // Seconds go through a double, and what is below a microsecond is cut off: half of one keeps it from the one before.
  const seconds = (at + 0.5) / 1e6;
  await file.utimes(seconds, seconds);
};
