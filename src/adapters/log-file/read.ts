import type { Recorded } from '../../domain/envelope.ts';
import { Rejection } from '../../domain/rejection.ts';
import type { DiskFile } from './disk.ts';
import { LogDamage } from './failure.ts';
import { checkGroup, countOf, decodeGroup, firstOf, passGroup } from './group.ts';
import { type Chunk, scan } from './scan.ts';
import type { Segment } from './segment.ts';

/**
 * Events that are handed on together, more or less: what is decoded is to be used and forgotten before the collector of
 * garbage comes by, which copies what is still held.
 */
const BATCH = 128;

/** Segments in order; the last one is being written. */
export type Segments = readonly Segment[];

/** Bytes that tell which groups are worth decoding: where in a chunk of groups they are, ascending. */
export interface GroupSieve {
  hits(bytes: Buffer): readonly number[];
}

/**
 * Events from `from` to `to`, or to what is durable when the reading gets there.
 * @param sieve leaves out groups without hits
 * @throws LogDamage
 */
export async function* readForward(
  segments: Segments,
  from: number,
  to: number,
  sieve?: GroupSieve,
): AsyncGenerator<readonly Recorded[]> {
  let next = from;
  for (let segment = segments[numberOf(segments, from)]; segment !== undefined && next < to; ) {
    const sealed = segment !== segments.at(-1);
    next = yield* readSegment(segment, next, to, sieve);
    // By position, not by number: segments before this one may have been pruned meanwhile.
    const { base }: Segment = segment;
    const following = segments.find((one) => one.base > base);
    // One that was written to meanwhile may have been sealed since: then there may be more in it.
    if (following !== undefined && !sealed && next < following.base) continue;
    if (following !== undefined && next < to && next !== following.base) {
      if (next < (segments[0]?.base ?? 0)) throw prunedUnderReader(next, following.base);
      throw new LogDamage({
        file: segment.path,
        offset: segment.end,
        what: `the segment ends before position ${next}, the next one begins at ${following.base}`,
      });
    }
    segment = following;
  }
}

const prunedUnderReader = (next: number, horizon: number): Rejection =>
  new Rejection(
    'failed-precondition',
    `Reading on at position ${next}: the log was pruned meanwhile and begins at ${horizon}. Read again from there.`,
  );

/**
 * Events from `to` down to `from`, a block of the index at a time.
 * @param sieve as for {@link readForward}
 * @throws LogDamage
 */
export async function* readBackward(
  segments: Segments,
  from: number,
  to: number,
  sieve?: GroupSieve,
): AsyncGenerator<readonly Recorded[]> {
  let left = to;
  while (left > from) {
    const segment = segments[numberOf(segments, left - 1)];
    if (segment === undefined || segment.base >= left) return;
    const index = await segment.index();
    for (let block = index.blockOf(left - 1); block >= 0 && left > Math.max(from, segment.base); block -= 1) {
      const low = Math.max(from, index.positionOf(block));
      const events: Recorded[] = [];
      for await (const some of readSegment(segment, low, left, sieve)) events.push(...some);
      left = low;
      yield events.reverse();
    }
  }
}

/** Number of the segment that holds a position; the last one for positions to come. */
const numberOf = (segments: Segments, position: number): number => {
  const after = segments.findIndex((segment) => segment.base > position);
  return (after === -1 ? segments.length : after) - 1;
};

/** @returns the position after the last group that was read */
async function* readSegment(
  segment: Segment,
  from: number,
  to: number,
  sieve: GroupSieve | undefined,
): AsyncGenerator<Recorded[], number> {
  const start = await segment.startOf(from);
  // All of the last segment was checked at the start, and what came since was written by this process.
  const sifting = sieve !== undefined && segment.live;
  const check = sifting ? passGroup : checkGroup;
  const chunks = withOpen(segment, (file) => scan(file, start.offset, () => segment.end, check));
  let next = start.position;
  for await (const chunk of chunks) {
    let events: Recorded[] = [];
    const hits = sieve?.hits(chunk.bytes.subarray(0, chunk.end - chunk.offset));
    const passed = sifting && hits?.length === 0 ? passedBy(chunk, next) : undefined;
    if (passed !== undefined) {
      next = passed;
      if (next >= to) return next;
      continue;
    }
    const sifted = hits && new Sifted(hits);
    for (const [number, at] of chunk.groups.entries()) {
      const first = firstOf(chunk.bytes, at);
      if (first !== next) throw outOfOrder(segment.path, chunk.offset + at, next, first);
      next += countOf(chunk.bytes, at);
      if (next <= from || first >= to) continue;
      const end = chunk.groups[number + 1] ?? chunk.end - chunk.offset;
      if (sifted?.reaches(at, end) === false) continue;
      const whole = sifting ? checkGroup(chunk.bytes, at, end) : end;
      if (typeof whole === 'string') {
        throw new LogDamage({ file: segment.path, offset: chunk.offset + at, what: whole });
      }
      decodeGroup(chunk.bytes, at, from, to, events);
      if (events.length < BATCH) continue;
      yield events;
      events = [];
    }
    if (events.length > 0) yield events;
    if (next >= to) return next;
    if (chunk.stop !== undefined) {
      throw new LogDamage({ file: segment.path, offset: chunk.end, what: chunk.stop });
    }
  }
  return next;
}

/** The position after a chunk of groups that were checked before; undefined where it is to be looked at one by one. */
const passedBy = ({ bytes, groups, stop }: Chunk, next: number): number | undefined => {
  const [first, last] = [groups[0], groups.at(-1)];
  if (first === undefined || last === undefined || stop !== undefined) return undefined;
  return firstOf(bytes, first) === next ? firstOf(bytes, last) + countOf(bytes, last) : undefined;
};

/** Hits of a sieve, asked for one group after the other. */
class Sifted {
  readonly #hits: readonly number[];
  #next = 0;

  constructor(hits: readonly number[]) {
    this.#hits = hits;
  }

  /** Whether one is in a group. */
  reaches(start: number, end: number): boolean {
    while ((this.#hits[this.#next] ?? end) < start) this.#next += 1;
    return (this.#hits[this.#next] ?? end) < end;
  }
}

export const outOfOrder = (file: string, offset: number, due: number, found: number): LogDamage =>
  new LogDamage({
    file,
    offset,
    what: `the group begins at position ${found} where ${due} is due`,
    position: due,
  });

/** Keeps a file open for as long as a generator over it runs, to its end or not. */
async function* withOpen<T>(
  { disk, path }: Segment,
  use: (file: DiskFile) => AsyncGenerator<T>,
): AsyncGenerator<T> {
  const file = await disk.open(path, 'read');
  try {
    yield* use(file);
  } finally {
    await file.close();
  }
}
