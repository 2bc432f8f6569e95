import type { DiskFile } from './disk.ts';
import { ALIGNMENT, GROUP_MAGIC } from './format.ts';
import { checkGroup, syncedOf } from './group.ts';

/**
 * What follows the last whole group of the last segment:
 * `clean`: nothing, or zeros written ahead; `torn`: a write that never became durable; `damage`: bytes that were durable.
 */
export type Tail = 'clean' | 'torn' | 'damage';

/**
 * Judges the bytes from `offset` on, where no whole group begins. A power cut may keep later pages of one write and lose
 * earlier ones, so a valid group further on proves nothing by itself; but every group says how much was durable when it
 * was written. One that vouches for `offset` proves that what stood there was durable, so it is damage.
 */
export const judgeTail = async (file: DiskFile, offset: number, size: number): Promise<Tail> => {
  if (await isZero(file, offset, size)) return 'clean';
  const rest = Buffer.allocUnsafe(size - offset);
  const length = await file.read(rest, offset);
  const magic = Buffer.alloc(4);
  magic.writeUInt32LE(GROUP_MAGIC);
  for (let at = rest.indexOf(magic); at !== -1; at = rest.indexOf(magic, at + 1)) {
    const aligned = (offset + at) % ALIGNMENT === 0;
    const whole = aligned && typeof checkGroup(rest, at, length) === 'number';
    if (whole && syncedOf(rest, at) > offset) return 'damage';
  }
  return 'torn';
};

const zeros = Buffer.alloc(64 * 1024);

const isZero = async (file: DiskFile, offset: number, size: number): Promise<boolean> => {
  const chunk = Buffer.allocUnsafe(zeros.length);
  for (let at = offset; at < size; ) {
    const read = await file.read(chunk.subarray(0, Math.min(chunk.length, size - at)), at);
    if (!chunk.subarray(0, read).equals(zeros.subarray(0, read))) return false;
    if (read === 0) return true;
    at += read;
  }
  return true;
};
