import type { FileHandle } from 'node:fs/promises';
import { tagOf } from './cri-format.ts';
import { logFiles, openLog } from './log-files.ts';

/** Bytes read at once, backwards. */
const blockBytes = 64 * 1024;
const lineFeed = 0x0a;
const full = 'F'.charCodeAt(0);

/** Where to begin reading. */
export interface LogStart {
  readonly file: string;
  readonly offset: number;
}

/**
 * Finds the last `count` lines of output by reading backwards from the newest file, no further than need be. Entries
 * with the tag F end a line; parts (P) belong to the line that they lead to.
 * @returns undefined where there is no log
 */
export const tailStart = async (path: string, count: number): Promise<LogStart | undefined> => {
  let left = count;
  let start: LogStart | undefined;
  for (const file of (await logFiles(path)).toReversed()) {
    const log = await openLog(file);
    if (log === undefined) continue;
    try {
      const found = await backFrom(log.handle, left, start === undefined);
      start = { file, offset: found.offset };
      left -= found.lines;
      if (found.complete) break;
    } finally {
      await log.handle.close();
    }
  }
  return start;
};

/**
 * @param newest whether this is the file being written, where parts at the end are a line not yet finished
 * @returns the offset of the first of the last `count` lines, how many there were, and whether that was enough
 */
const backFrom = async (
  handle: FileHandle,
  count: number,
  newest: boolean,
): Promise<{ offset: number; lines: number; complete: boolean }> => {
  const { size } = await handle.stat();
  let position = size;
  let lines = 0;
  /** The tail of an entry that begins further up. */
  let carry = Buffer.alloc(0);
  let unfinished = newest;
  while (position > 0) {
    const length = Math.min(blockBytes, position);
    position -= length;
    const block = Buffer.allocUnsafe(length);
    await handle.read(block, 0, length, position);
    const buffer = Buffer.concat([block, carry]);
    let end = buffer.length;
    for (;;) {
      const before = end <= 1 ? -1 : buffer.lastIndexOf(lineFeed, end - 2);
      if (before < 0 && position > 0) break;
      const begin = before + 1;
      if (buffer[tagOf(buffer, begin)] === full || unfinished) {
        if (lines === count) return { offset: position + end, lines, complete: true };
        lines++;
      }
      unfinished = false;
      end = begin;
      if (begin === 0) break;
    }
    carry = Buffer.from(buffer.subarray(0, end));
  }
  return { offset: 0, lines, complete: false };
};
