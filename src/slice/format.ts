import { z } from 'zod';
import { TlogError } from '../tlog/error.ts';
import { HASH_BYTES, type Hash } from '../tlog/hash.ts';

/**
 * A slice is a gzipped tar: `manifest.json`, the state at its beginning (`state/…`), its events (`events/…`), `end.json`,
 * in this order. docs/proof.md has the fields as tables.
 */
export const SLICE_FORMAT = 'shiplog-slice/1';

/** A file of a slice. */
export interface SlicePart {
  readonly path: string;
  readonly bytes: Uint8Array;
}

export const SliceLimits = {
  /** Bytes after which a part is closed and another begun. */
  partBytes: 1024 * 1024,
  /** Bytes of one part at most: what is closed above is over it by one event at most. */
  maxPartBytes: 8 * 1024 * 1024,
  /** Signed heads in a manifest. */
  heads: 256,
} as const;

export const MANIFEST = 'manifest.json';
export const END = 'end.json';
const numbered = (folder: string, number: number): string => `${folder}/${String(number).padStart(20, '0')}`;
/** @param part counts from 0 */
export const statePath = (part: number): string => numbered('state', part);
/** @param first position of the first event in it */
export const eventsPath = (first: number): string => numbered('events', first);

const Count = z.number().int().nonnegative();
const HashText = z.base64().length(44);

export const Manifest = z.object({
  format: z.literal(SLICE_FORMAT),
  program: z.string(),
  hostId: z.string(),
  /** Name of the log, as its heads have it. */
  origin: z.string(),
  from: Count,
  to: Count,
  /** Events that the newest head is of. */
  treeSize: Count,
  /** What the state was made by: only the same can read it. */
  schema: z.string(),
  /**
   * The state before the first event: that of an empty log, as it was, without the values of events that are left out, or
   * not here.
   */
  state: z.enum(['empty', 'whole', 'cleaned', 'left-out']),
  /** Types and subjects whose payloads are left out. */
  redact: z.array(z.string()),
  /** In the words of whoever had it made. */
  reason: z.string().optional(),
  /** Notes, by size; the last one covers the slice. */
  heads: z.array(z.string()).min(1).max(SliceLimits.heads),
  /** Which keys to ask for; proves nothing. */
  keys: z.array(z.string()),
  /** Hashes of the subtrees before and after the slice. */
  proof: z.object({ left: z.array(HashText).max(64), right: z.array(HashText).max(64) }),
});
export type Manifest = z.infer<typeof Manifest>;

export const End = z.object({
  events: Count,
  leftOut: Count,
  /** SHA-256 of every part before, with its path and length; hexadecimal. */
  sha256: z.string().regex(/^[a-f0-9]{64}$/),
});

export type End = z.infer<typeof End>;

/** An event as a slice has it. */
export interface SliceRecord {
  /** The leaf of the log's tree: the head record, as it lies in the log. */
  readonly entry: Uint8Array;
  /** Of the entry, when the slice was made: tells which of many entries was changed. */
  readonly leaf: Hash;
  /** Salt and JSON of its data; in a stand-in only JSON, which nothing vouches for. */
  readonly payload: Uint8Array;
  readonly standIn: boolean;
}

/** Bytes of entry (4, little-endian), bytes of payload (4), kind (1): 0 the payload, 1 a stand-in; leaf hash, entry, payload. */
const FIXED_BYTES = 9 + HASH_BYTES;

export const encodeRecord = ({ entry, leaf, payload, standIn }: SliceRecord): Buffer => {
  const fixed = Buffer.alloc(9);
  fixed.writeUInt32LE(entry.length, 0);
  fixed.writeUInt32LE(payload.length, 4);
  fixed.writeUInt8(standIn ? 1 : 0, 8);
  return Buffer.concat([fixed, leaf, entry, payload]);
};

/** The records of a part. @throws TlogError where one is cut short or of an unknown kind */
export function* recordsIn(bytes: Uint8Array): Generator<SliceRecord> {
  const part = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at < part.length; ) {
    if (at + FIXED_BYTES > part.length) throw new TlogError('a record of an event is cut short');
    const payloadAt = at + FIXED_BYTES + part.readUInt32LE(at);
    const end = payloadAt + part.readUInt32LE(at + 4);
    const kind = part.readUInt8(at + 8);
    if (end > part.length) throw new TlogError('a record of an event is cut short');
    if (kind > 1) throw new TlogError(`a record of an event is of kind ${kind}, which is not known`);
    yield {
      leaf: part.subarray(at + 9, at + FIXED_BYTES),
      entry: part.subarray(at + FIXED_BYTES, payloadAt),
      payload: part.subarray(payloadAt, end),
      standIn: kind === 1,
    };
    at = end;
  }
}
