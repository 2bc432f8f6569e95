import type { Envelope } from '../../domain/envelope.ts';
import { type Position, position } from '../../domain/identity.ts';
import { Rejection } from '../../domain/rejection.ts';
import type { LeafEntry, LeafSource } from '../../engine/ports/proofs.ts';
import { HASH_BYTES, hashHex, leafHash, sameHash, sha256 } from '../../tlog/hash.ts';
import { LogDamage } from './failure.ts';
import { headField, readU64, SALT_BYTES, SEGMENT_HEADER_BYTES } from './format.ts';
import { countOf, type EventPlace, firstOf, placesOf } from './group.ts';
import type { LogFiles } from './log-files.ts';
import { outOfOrder } from './read.ts';
import { type Chunk, scan } from './scan.ts';
import type { Segment } from './segment.ts';

/**
 * The leaves of the log's tree: the head record of each event as it lies in the file, which stays as it is when the
 * event's data is redacted.
 */
export const leavesOf = (files: Pick<LogFiles, 'segments'>): LeafSource => ({
  async *leaves(from, to) {
    for await (const { bytes, places } of placesBetween(files, from, to)) {
      const [first] = places;
      if (first === undefined) continue;
      const hashes = new Uint8Array(places.length * HASH_BYTES);
      for (const [at, { headAt, headEnd }] of places.entries()) {
        hashes.set(leafHash(bytes.subarray(headAt, headEnd)), at * HASH_BYTES);
      }
      yield { first: position(BigInt(first.position)), hashes };
    }
  },
  async *entries(from, to) {
    for await (const { bytes, places } of placesBetween(files, from, to)) {
      yield places.map(({ headAt, headEnd, dataAt, dataEnd }) =>
        leafEntry(Buffer.from(bytes.subarray(headAt, headEnd)), Buffer.from(bytes.subarray(dataAt, dataEnd))),
      );
    }
  },
});

/** @param entry a copy, as is `data` */
const leafEntry = (entry: Buffer, data: Buffer): LeafEntry => {
  const vouched = entry.subarray(headField.dataHash, headField.dataHash + HASH_BYTES);
  const found = sha256(data);
  return {
    entry,
    data,
    ...(sameHash(found, vouched) ? {} : { differs: hashHex(found) }),
    event: () => {
      const { type, version, subject, meta } = JSON.parse(entry.toString('utf8', headField.text)) as Envelope;
      const fields: unknown = JSON.parse(data.toString('utf8', SALT_BYTES));
      const at = position(BigInt(readU64(entry, headField.position)));
      return { type, version, subject, data: fields, meta, position: at };
    },
  };
};

interface Places {
  /** Valid until the next ones are asked for. */
  readonly bytes: Uint8Array;
  readonly places: readonly EventPlace[];
}

/** @throws LogDamage; Rejection `failed-precondition` below the horizon, `invalid-argument` beyond the end */
async function* placesBetween(
  files: Pick<LogFiles, 'segments'>,
  from: Position,
  to: Position,
): AsyncGenerator<Places> {
  const end = Number(to);
  let next = Number(from);
  while (next < end) {
    const segment = files.segments.findLast(({ base }) => base <= next);
    if (segment === undefined) {
      throw new Rejection('failed-precondition', `Reading the head of event ${next}: it was pruned.`);
    }
    const before = next;
    for await (const found of placesIn(segment, next, end)) {
      next += found.places.length;
      yield found;
    }
    if (next === before)
      throw new Rejection('invalid-argument', `Reading the head of event ${next}: there is none.`);
  }
}

async function* placesIn(segment: Segment, from: number, to: number): AsyncGenerator<Places> {
  const index = await segment.index();
  const block = index.blockOf(from);
  const offset = index.starts[block];
  let next = offset === undefined ? segment.base : index.positionOf(block);
  const file = await segment.disk.open(segment.path, 'read');
  try {
    for await (const chunk of scan(file, offset ?? SEGMENT_HEADER_BYTES, () => segment.end)) {
      const places = placesOfChunk(chunk, segment, next, from, to);
      next = chunk.groups.reduce((sum, at) => sum + countOf(chunk.bytes, at), next);
      if (places.length > 0) yield { bytes: chunk.bytes, places };
      if (next >= to) return;
      if (chunk.stop !== undefined) {
        throw new LogDamage({ file: segment.path, offset: chunk.end, what: chunk.stop });
      }
    }
  } finally {
    await file.close();
  }
}

const placesOfChunk = (
  chunk: Chunk,
  { path }: Segment,
  due: number,
  from: number,
  to: number,
): EventPlace[] => {
  const places: EventPlace[] = [];
  let next = due;
  for (const at of chunk.groups) {
    const first = firstOf(chunk.bytes, at);
    if (first !== next) throw outOfOrder(path, chunk.offset + at, next, first);
    next += countOf(chunk.bytes, at);
    if (next <= from || first >= to) continue;
    for (const place of placesOf(chunk.bytes, at)) {
      if (place.position >= from && place.position < to) places.push(place);
    }
  }
  return places;
};
