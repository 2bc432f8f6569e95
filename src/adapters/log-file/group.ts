import { hash } from 'node:crypto';
import { crc32c } from '@node-rs/crc32';
import type { Recorded } from '../../domain/envelope.ts';
import { position } from '../../domain/identity.ts';
import {
  ALIGNMENT,
  GROUP_HEADER_BYTES,
  GROUP_MAGIC,
  groupField,
  HEAD_FIXED_BYTES,
  headField,
  MAX_GROUP_BYTES,
  readU64,
  SALT_BYTES,
} from './format.ts';
import { headOf } from './head-text.ts';

/** Reading groups back. Offsets are into a buffer that holds whole groups. */

/**
 * Looks at the group at `at`, whose bytes end at `end` at the latest.
 * @returns its length; `'more'` when it says that it goes on past `end`; else what is wrong
 */
export const checkGroup = (bytes: Buffer, at: number, end: number): number | string => {
  const length = passGroup(bytes, at, end);
  if (typeof length === 'string') return length;
  return crc32c(bytes.subarray(at + groupField.length, at + length)) ===
    bytes.readUInt32LE(at + groupField.crc)
    ? length
    : 'the group fails its checksum';
};

/** As {@link checkGroup}, without the checksum: to pass over groups that were checked before. */
export const passGroup = (bytes: Buffer, at: number, end: number): number | string => {
  if (end - at < GROUP_HEADER_BYTES) return 'more';
  if (bytes.readUInt32LE(at) !== GROUP_MAGIC) return 'no group begins here (wrong magic)';
  const length = bytes.readUInt32LE(at + groupField.length);
  if (length < GROUP_HEADER_BYTES || length > MAX_GROUP_BYTES || length % ALIGNMENT !== 0) {
    return `a group can't be ${length} bytes long`;
  }
  return at + length > end ? 'more' : length;
};

export const firstOf = (bytes: Buffer, at: number): number => readU64(bytes, at + groupField.first);
export const countOf = (bytes: Buffer, at: number): number => bytes.readUInt32LE(at + groupField.count);
export const syncedOf = (bytes: Buffer, at: number): number => readU64(bytes, at + groupField.synced);
export const chainBefore = (bytes: Buffer, at: number): string =>
  bytes.toString('latin1', at + groupField.chain, at + groupField.chain + 32);

/** The chain hash after a group; a mark leaves it as it was. */
export const chainAfter = (bytes: Buffer, at: number): string => {
  if (countOf(bytes, at) === 0) return chainBefore(bytes, at);
  const headsEnd = at + GROUP_HEADER_BYTES + bytes.readUInt32LE(at + groupField.headsBytes);
  return hash('sha256', bytes.subarray(at + groupField.chain, headsEnd), 'binary');
};

/** One event's place in a buffer. */
export interface EventPlace {
  readonly position: number;
  readonly headAt: number;
  readonly headText: number;
  readonly headEnd: number;
  readonly dataAt: number;
  readonly dataEnd: number;
}

/** Walks the events of a group. */
export const placesOf = (bytes: Buffer, at: number): EventPlace[] => {
  const places: EventPlace[] = [];
  let headAt = at + GROUP_HEADER_BYTES;
  let dataAt = headAt + bytes.readUInt32LE(at + groupField.headsBytes);
  for (let left = countOf(bytes, at); left > 0; left -= 1) {
    const headText = headAt + HEAD_FIXED_BYTES;
    const headEnd = headText + bytes.readUInt32LE(headAt + headField.textBytes);
    const dataEnd = dataAt + bytes.readUInt32LE(headAt + headField.dataBytes);
    places.push({ position: readU64(bytes, headAt), headAt, headText, headEnd, dataAt, dataEnd });
    headAt = headEnd;
    dataAt = dataEnd;
  }
  return places;
};

/**
 * Decodes the events of a group whose checksum held, from `from` to `to` (exclusive), to the end of `into`.
 * The envelope's shape is what this program wrote; `verifyLog` is where it is checked.
 */
export const decodeGroup = (bytes: Buffer, at: number, from: number, to: number, into: Recorded[]): void => {
  let headAt = at + GROUP_HEADER_BYTES;
  let dataAt = headAt + bytes.readUInt32LE(at + groupField.headsBytes);
  let next = firstOf(bytes, at);
  // Walks by itself, since an object per event, as placesOf makes them, shows in a replay.
  for (const end = Math.min(to, next + countOf(bytes, at)); next < end; next += 1) {
    const headText = headAt + HEAD_FIXED_BYTES;
    const headEnd = headText + bytes.readUInt32LE(headAt + headField.textBytes);
    const dataEnd = dataAt + bytes.readUInt32LE(headAt + headField.dataBytes);
    if (next >= from) {
      const { type, version, subject, meta } = headOf(bytes.toString('utf8', headText, headEnd));
      const data: unknown = JSON.parse(bytes.toString('utf8', dataAt + SALT_BYTES, dataEnd));
      into.push({ type, version, subject, data, meta, position: position(BigInt(next)) });
    }
    headAt = headEnd;
    dataAt = dataEnd;
  }
};
