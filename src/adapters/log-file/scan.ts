import type { DiskFile } from './disk.ts';
import { MAX_GROUP_BYTES } from './format.ts';
import { checkGroup } from './group.ts';

const CHUNK_BYTES = 1024 * 1024;

/** Some whole groups, as far as they were checked. */
export interface Chunk {
  /** Valid until the next chunk is asked for. */
  readonly bytes: Buffer;
  /** Where in the file `bytes` begins. */
  readonly offset: number;
  /** Where in `bytes` each group begins. */
  readonly groups: readonly number[];
  /** Offset in the file just after the last of them. */
  readonly end: number;
  /** What stopped the scan at `end`; absent while it goes on, and at its proper end. */
  readonly stop?: string;
}

/**
 * Reads groups from an offset to `end()`, which is asked again as the scan gets there (a live segment grows).
 * Memory stays at one chunk, or one group where that is larger.
 * @param check what every group must stand, its checksum too unless told otherwise
 */
export async function* scan(
  file: DiskFile,
  start: number,
  end: () => number,
  check = checkGroup,
): AsyncGenerator<Chunk, void> {
  let buffer = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, Math.max(end() - start, 4096)));
  for (let offset = start; offset < end(); ) {
    const wanted = Math.min(buffer.length, end() - offset);
    const read = await file.read(buffer.subarray(0, wanted), offset);
    const groups: number[] = [];
    let at = 0;
    let found: number | string = 'more';
    while (at < read) {
      found = check(buffer, at, read);
      if (typeof found === 'string') break;
      groups.push(at);
      at += found;
    }
    const chunk = { bytes: buffer, offset, groups, end: offset + at };
    offset += at;
    if (typeof found === 'string' && found !== 'more') {
      yield { ...chunk, stop: found };
      return;
    }
    if (at === 0) {
      if (read < wanted || wanted === end() - offset) {
        yield { ...chunk, stop: 'the file ends in the middle of a group' };
        return;
      }
      buffer = Buffer.allocUnsafe(Math.min(buffer.length * 4, MAX_GROUP_BYTES + CHUNK_BYTES));
      continue;
    }
    yield chunk;
    if (buffer.length < CHUNK_BYTES) buffer = Buffer.allocUnsafe(CHUNK_BYTES);
  }
}
