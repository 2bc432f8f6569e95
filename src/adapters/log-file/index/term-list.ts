import { crc32c } from '@node-rs/crc32';
import { ByteSink } from './byte-sink.ts';
import { NumberList } from './number-list.ts';
import { VarintReader } from './varint.ts';

/**
 * Sorted terms in blocks, as a sidecar keeps them. A term shares its beginning with the one before it in the block, and
 * has the places of its events behind it, as gaps; a long list of places stands apart, with a checksum of its own, so that
 * looking a neighbour up does not read it. A block ends with its checksum.
 */

/** A block ends when it has reached this size. */
const BLOCK_BYTES = 2048;
/** Longer lists of places stand apart. */
const INLINE_BYTES = 128;
const CRC_BYTES = 4;

/** A term to write: places are ascending, relative to the segment's first position; repeats are left out. */
export interface Posting {
  readonly term: string;
  readonly places: Uint32Array;
}

/** The table of the blocks: an entry of 8 bytes for each and one behind the last, then the first terms. */
const ENTRY_BYTES = 8;

/**
 * Writes a field's terms, and the table of their blocks.
 * @param postings sorted by term (by UTF-16 code units), no term twice
 * @returns where the table is
 */
export const putTerms = (sink: ByteSink, postings: Iterable<Posting>) => {
  const { terms, counts, ends, bytes, apart } = encodeLists(sink, postings);
  const blocks: { readonly at: number; readonly first: string }[] = [];
  let start = sink.length;
  let before = '';
  let from = 0;
  for (const [number, term] of terms.entries()) {
    if (sink.length - start >= BLOCK_BYTES) start = endBlock(sink, start);
    if (sink.length === start) {
      blocks.push({ at: start, first: term });
      before = '';
    }
    const shared = sharedLength(before, term);
    const rest = Buffer.from(term.slice(shared));
    const to = ends[number] ?? from;
    sink.varint(shared);
    sink.varint(rest.length);
    sink.add(rest);
    sink.varint(counts[number] ?? 0);
    const far = apart.get(term);
    sink.varint((to - from) * 2 + (far === undefined ? 0 : 1));
    if (far === undefined) sink.add(bytes.subarray(from, to));
    else {
      sink.varint(far.at);
      sink.uint32(far.crc);
    }
    from = to;
    before = term;
  }
  const end = blocks.length === 0 ? start : endBlock(sink, start);
  return putTable(sink, blocks, end);
};

/** The lists of places, side by side: there are as many as terms. Those that stand apart are written already. */
const encodeLists = (sink: ByteSink, postings: Iterable<Posting>) => {
  const apart = new Map<string, { readonly at: number; readonly crc: number }>();
  const terms: string[] = [];
  const [counts, ends, lists] = [new NumberList(), new NumberList(), new ByteSink()];
  for (const { term, places } of postings) {
    const start = lists.length;
    terms.push(term);
    counts.push(putPlaces(lists, places));
    ends.push(lists.length);
    const bytes = lists.since(start);
    if (bytes.length <= INLINE_BYTES) continue;
    apart.set(term, { at: sink.length, crc: crc32c(bytes) });
    sink.add(bytes);
  }
  return { terms, counts: counts.slice(), ends: ends.slice(), bytes: lists.since(0), apart };
};

const endBlock = (sink: ByteSink, start: number): number => {
  sink.uint32(crc32c(sink.since(start)));
  return sink.length;
};

const putTable = (
  sink: ByteSink,
  blocks: readonly { readonly at: number; readonly first: string }[],
  end: number,
) => {
  const at = sink.length;
  const firsts = blocks.map(({ first }) => Buffer.from(first));
  let termAt = 0;
  for (const [number, block] of blocks.entries()) {
    sink.uint32(block.at);
    sink.uint32(termAt);
    termAt += firsts[number]?.length ?? 0;
  }
  sink.uint32(end);
  sink.uint32(termAt);
  for (const first of firsts) sink.add(first);
  const table = sink.since(at);
  return { at, bytes: table.length, blocks: blocks.length, crc: crc32c(table) };
};

/** Characters that two terms begin with alike; never half a surrogate pair. */
const sharedLength = (before: string, term: string): number => {
  let shared = 0;
  while (shared < before.length && before.charCodeAt(shared) === term.charCodeAt(shared)) shared += 1;
  const last = before.charCodeAt(shared - 1);
  return last >= 0xd800 && last < 0xdc00 ? shared - 1 : shared;
};

/** @returns how many they are */
const putPlaces = (sink: ByteSink, places: Uint32Array): number => {
  let before = -1;
  let count = 0;
  for (const place of places) {
    if (place === before) continue;
    sink.varint(before === -1 ? place : place - before);
    before = place;
    count += 1;
  }
  return count;
};

/** @param count how many are in it @returns ascending */
export const decodePlaces = (bytes: Uint8Array, count: number, at = 0): Uint32Array => {
  const places = new Uint32Array(count);
  const reader = new VarintReader(bytes, at);
  let place = 0;
  for (let number = 0; number < count; number += 1) {
    const byte = bytes[reader.at] ?? 0;
    // Most gaps are of one byte, and lists are long.
    if (byte < 0x80) reader.at += 1;
    place += byte < 0x80 ? byte : reader.next();
    places[number] = place;
  }
  return places;
};

/** The table of a field's blocks. */
export class BlockTable {
  readonly #bytes: Buffer;
  readonly #blocks: number;

  /** @param bytes as {@link putTerms} wrote them, their checksum held */
  constructor(bytes: Buffer, blocks: number) {
    this.#bytes = bytes;
    this.#blocks = blocks;
  }

  /** Number of the block that a term is in, if it is in any, and that prefixes begin in; -1 before the first. */
  blockOf(term: string): number {
    let low = 0;
    let high = this.#blocks;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#first(middle) <= term) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  /** Where a block is, its checksum included; undefined behind the last. */
  placeOf(block: number): { readonly at: number; readonly bytes: number } | undefined {
    if (block >= this.#blocks) return undefined;
    const at = this.#bytes.readUInt32LE(block * ENTRY_BYTES);
    return { at, bytes: this.#bytes.readUInt32LE((block + 1) * ENTRY_BYTES) - at };
  }

  #first(block: number): string {
    const terms = (this.#blocks + 1) * ENTRY_BYTES;
    const from = this.#bytes.readUInt32LE(block * ENTRY_BYTES + 4);
    const to = this.#bytes.readUInt32LE((block + 1) * ENTRY_BYTES + 4);
    return this.#bytes.toString('utf8', terms + from, terms + to);
  }
}

/** A term as a block has it. */
export interface TermEntry {
  readonly term: string;
  /** Events under it. */
  readonly count: number;
  readonly places: Uint32Array | { readonly at: number; readonly bytes: number; readonly crc: number };
}

/** The terms of a block in order. @returns undefined where its checksum fails */
export const termsOfBlock = (block: Buffer): TermEntry[] | undefined => {
  const end = block.length - CRC_BYTES;
  if (end < 0 || crc32c(block.subarray(0, end)) !== block.readUInt32LE(end)) return undefined;
  const entries: TermEntry[] = [];
  const reader = new VarintReader(block);
  let term = '';
  while (reader.at < end) {
    const shared = reader.next();
    const restBytes = reader.next();
    term = term.slice(0, shared) + block.toString('utf8', reader.at, reader.at + restBytes);
    reader.at += restBytes;
    const count = reader.next();
    const size = reader.next();
    const bytes = Math.floor(size / 2);
    if (size % 2 === 0) {
      entries.push({ term, count, places: decodePlaces(block, count, reader.at) });
      reader.at += bytes;
    } else {
      const at = reader.next();
      entries.push({ term, count, places: { at, bytes, crc: block.readUInt32LE(reader.at) } });
      reader.at += 4;
    }
  }
  return entries;
};
