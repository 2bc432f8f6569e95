import { hash, randomFillSync } from 'node:crypto';
import { crc32c } from '@node-rs/crc32';
import type { EventText } from './event-text.ts';
import {
  align,
  GROUP_HEADER_BYTES,
  GROUP_MAGIC,
  groupField,
  HEAD_FIXED_BYTES,
  headField,
  SALT_BYTES,
  writeU64,
} from './format.ts';

/** A group as it will lie in a file. */
export interface GroupContents {
  /** None in a mark. */
  readonly texts: readonly EventText[];
  /** Position of the first event; of the next one, in a mark. */
  readonly first: number;
  /** Offset in the file below which everything is durable. */
  readonly synced: number;
  /** Chain hash before it. */
  readonly chain: string;
}

/**
 * Writes a group with its hashes and checksum to `at`; there must be room for it.
 * @returns where it ends, and the chain hash after it
 */
export const putGroup = (
  bytes: Buffer,
  at: number,
  { texts, first, synced, chain }: GroupContents,
): { readonly end: number; readonly chain: string } => {
  let headsBytes = 0;
  for (const { headBytes } of texts) headsBytes += HEAD_FIXED_BYTES + headBytes;
  const headsEnd = at + GROUP_HEADER_BYTES + headsBytes;
  const dataEnd = putEvents(bytes, at + GROUP_HEADER_BYTES, headsEnd, texts, first);
  const end = at + align(dataEnd - at);
  for (let padding = dataEnd; padding < end; padding += 1) bytes[padding] = 0;
  bytes.writeUInt32LE(GROUP_MAGIC, at + groupField.magic);
  bytes.writeUInt32LE(end - at, at + groupField.length);
  bytes.writeUInt32LE(0, at + groupField.reserved);
  writeU64(bytes, synced, at + groupField.synced);
  bytes.write(chain, at + groupField.chain, 'latin1');
  writeU64(bytes, first, at + groupField.first);
  bytes.writeUInt32LE(texts.length, at + groupField.count);
  bytes.writeUInt32LE(headsBytes, at + groupField.headsBytes);
  const after = texts.length === 0 ? chain : sha256(bytes, at + groupField.chain, headsEnd);
  bytes.writeUInt32LE(crc32c(bytes.subarray(at + groupField.length, end)), at + groupField.crc);
  return { end, chain: after };
};

/** Heads from `headAt` on, data from `dataAt` on. @returns where the data ends */
const putEvents = (
  bytes: Buffer,
  headAt: number,
  dataAt: number,
  texts: readonly EventText[],
  first: number,
): number => {
  let [head, data, position] = [headAt, dataAt, first];
  for (const text of texts) {
    const dataEnd = data + SALT_BYTES + text.dataBytes;
    putSalt(bytes, data);
    bytes.write(text.data, data + SALT_BYTES, 'utf8');
    writeU64(bytes, position, head + headField.position);
    bytes.writeUInt32LE(text.headBytes, head + headField.textBytes);
    bytes.writeUInt32LE(dataEnd - data, head + headField.dataBytes);
    bytes.write(sha256(bytes, data, dataEnd), head + headField.dataHash, 'latin1');
    bytes.write(text.head, head + headField.text, 'utf8');
    head += HEAD_FIXED_BYTES + text.headBytes;
    data = dataEnd;
    position += 1;
  }
  return data;
};

/** 32 bytes as a binary string, which costs less than a buffer. */
const sha256 = (bytes: Buffer, from: number, to: number): string =>
  hash('sha256', bytes.subarray(from, to), 'binary');

/** Random words, made in bulk: asking for 16 bytes at a time would cost more than hashing them. */
const salts = new Uint32Array(16 * 1024);
let saltsUsed = salts.length;
const putSalt = (bytes: Buffer, at: number): void => {
  if (saltsUsed === salts.length) {
    randomFillSync(salts);
    saltsUsed = 0;
  }
  for (let end = at + SALT_BYTES, word = at; word < end; word += 4) {
    bytes.writeUInt32LE(salts[saltsUsed] ?? 0, word);
    saltsUsed += 1;
  }
};
