import { crc32c } from '@node-rs/crc32';

/**
 * The bytes on disk; docs/adr/0004-log-file-format.md has them as a table. Integers are little-endian.
 *
 * A segment file is a header and groups, each padded to 8 bytes, then zeros (space written ahead). A group is there as a
 * whole or not at all; it has the events of one append, or of a few small ones that were written together. It
 * holds the heads of its events, then their data. A head carries everything but the data, and the SHA-256 of the data;
 * the hash chain runs over heads only, so data can be blanked later and the chain still holds.
 */

export const FORMAT_VERSION = 1;
export const ALIGNMENT = 8;

export const SEGMENT_HEADER_BYTES = 128;
const SEGMENT_MAGIC = 'SHIPLOG\n';

export interface SegmentHeader {
  readonly version: number;
  /** Random, the same in every segment of one log, so that files of two logs don't mix. Hex. */
  readonly logId: string;
  /** Position of the first event. */
  readonly base: number;
  /** Chain hash before the first group; 32 bytes as a binary string. */
  readonly chain: string;
}

export const GROUP_HEADER_BYTES = 72;
/** 0xF5 never occurs in UTF-8, so no text in a payload looks like the start of a group. */
export const GROUP_MAGIC = 0x314753f5;
export const groupField = {
  magic: 0,
  /** crc32c of everything after this field, padding included. */
  crc: 4,
  /** Bytes of the whole group, padding included. */
  length: 8,
  reserved: 12,
  /** Everything in this file below this offset was durable when the group was written. */
  synced: 16,
  /** Chain hash before this group. The chain hash after it is the SHA-256 from here to the end of the heads. */
  chain: 24,
  first: 56,
  /** Events; 0 in a mark, which only says what was durable. */
  count: 64,
  headsBytes: 68,
} as const;
/** Above any group that an append within the port's limits makes. */
export const MAX_GROUP_BYTES = 32 * 1024 * 1024;

export const HEAD_FIXED_BYTES = 48;
export const headField = { position: 0, textBytes: 8, dataBytes: 12, dataHash: 16, text: 48 } as const;
/** Random bytes before the data, hashed along with it, so that blanked data can't be guessed from its hash. */
export const SALT_BYTES = 16;

/** Chain hash before the first event of a log. */
export const CHAIN_START = '\0'.repeat(32);
export const chainHex = (chain: string): string => Buffer.from(chain, 'latin1').toString('hex');

export const writeU64 = (bytes: Buffer, value: number, at: number): void => {
  // The low 32 bits, of any whole number below 2^53.
  bytes.writeUInt32LE(value >>> 0, at);
  bytes.writeUInt32LE(Math.floor(value / 0x1_0000_0000), at + 4);
};
/** Exact below 2^53; more events than a host will ever log. */
export const readU64 = (bytes: Buffer, at: number): number =>
  bytes.readUInt32LE(at) + bytes.readUInt32LE(at + 4) * 0x1_0000_0000;

export const align = (bytes: number): number => Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;

export const segmentName = (base: number): string => `${String(base).padStart(20, '0')}.segment`;

export const encodeSegmentHeader = (header: Omit<SegmentHeader, 'version'>): Buffer => {
  const bytes = Buffer.alloc(SEGMENT_HEADER_BYTES);
  bytes.write(SEGMENT_MAGIC, 0, 'latin1');
  bytes.writeUInt32LE(FORMAT_VERSION, 8);
  bytes.writeUInt32LE(SEGMENT_HEADER_BYTES, 12);
  writeU64(bytes, header.base, 16);
  bytes.write(header.logId, 24, 'hex');
  bytes.write(header.chain, 40, 'latin1');
  bytes.writeUInt32LE(crc32c(bytes.subarray(0, 124)), 124);
  return bytes;
};

/** @returns the header, or what is wrong with it */
export const decodeSegmentHeader = (bytes: Buffer): SegmentHeader | string => {
  if (bytes.length < SEGMENT_HEADER_BYTES) return `the segment header is cut short at ${bytes.length} bytes`;
  if (bytes.toString('latin1', 0, 8) !== SEGMENT_MAGIC) return 'this is not a segment of a log (wrong magic)';
  if (crc32c(bytes.subarray(0, 124)) !== bytes.readUInt32LE(124))
    return 'the segment header fails its checksum';
  return {
    version: bytes.readUInt32LE(8),
    logId: bytes.toString('hex', 24, 40),
    base: readU64(bytes, 16),
    chain: bytes.toString('latin1', 40, 72),
  };
};
