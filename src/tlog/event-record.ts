import { TlogError } from './error.ts';
import { HASH_BYTES, sameHash, sha256 } from './hash.ts';

/**
 * What a leaf of a Shiplog log says: the head record of an event, as docs/adr/0004-log-file-format.md has it. Integers
 * are little-endian: position (8 bytes), bytes of text (4), bytes of data (4), SHA-256 of the data (32), text.
 */
export interface EventRecord {
  readonly position: number;
  /** JSON of `type`, `version`, `subject` and `meta`. */
  readonly head: string;
  /** Of 16 random bytes and the JSON of the event's data, together. */
  readonly dataBytes: number;
  readonly dataHash: Uint8Array;
}

const FIXED_BYTES = 48;
/** The random bytes of a payload before its JSON. */
export const SALT_BYTES = 16;

/** @throws TlogError for bytes that are no head record */
export const decodeRecord = (entry: Uint8Array): EventRecord => {
  const bytes = Buffer.from(entry);
  if (bytes.length < FIXED_BYTES || bytes.readUInt32LE(8) !== bytes.length - FIXED_BYTES) {
    throw new TlogError(`these ${bytes.length} bytes are no head record of an event`);
  }
  return {
    position: bytes.readUInt32LE(0) + bytes.readUInt32LE(4) * 0x1_0000_0000,
    head: bytes.toString('utf8', FIXED_BYTES),
    dataBytes: bytes.readUInt32LE(12),
    dataHash: bytes.subarray(16, 16 + HASH_BYTES),
  };
};

/**
 * The data of an event, as JSON text.
 * @param salted the 16 random bytes and the text
 * @returns undefined where they are not what the record was made with, as after a redaction
 */
export const dataOf = ({ dataHash }: EventRecord, salted: Uint8Array): string | undefined =>
  sameHash(sha256(salted), dataHash) ? Buffer.from(salted.subarray(SALT_BYTES)).toString() : undefined;
