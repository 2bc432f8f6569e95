import type { Recorded } from '../../../domain/envelope.ts';
import type { LogQuery } from '../../../domain/log-query.ts';
import { matching } from '../../../engine/ports/matching.ts';
import { readBackward, readForward, type Segments } from '../read.ts';
import type { Segment } from '../segment.ts';
import { ahead } from './ahead.ts';
import { type Found, readFound } from './read-found.ts';
import { SidecarDamage } from './sidecar.ts';
import type { Sidecars } from './sidecars.ts';
import { Sieve } from './sieve.ts';

/** Segments whose sidecars are asked at once: the disk has more than one thing to do, and few files are open. */
const ASKED_AT_ONCE = 8;

/** Which events, from a position to another (exclusive). */
export interface IndexedRange {
  readonly from: number;
  readonly to: number;
  readonly where: LogQuery;
}

/**
 * The events of a log that a query asks for: of sealed segments by their sidecars, of the one that is being written, and
 * of those without a sidecar, by searching them.
 * @throws LogDamage
 */
export async function* findForward(
  segments: Segments,
  sidecars: Sidecars,
  range: IndexedRange,
): AsyncGenerator<readonly Recorded[]> {
  const { from, to, where } = range;
  const sealed = partsOf(segments, range);
  yield* findSealed(sidecars, sealed, where, false);
  const next = Math.max(from, sealed.at(-1)?.to ?? 0);
  if (next < to) yield* matching(readForward(segments, next, to, Sieve.of(where)), where);
}

/** As {@link findForward}, the latest first. @param range `to` is not above what is durable */
export async function* findBackward(
  segments: Segments,
  sidecars: Sidecars,
  range: IndexedRange,
): AsyncGenerator<readonly Recorded[]> {
  const { from, to, where } = range;
  const sealed = partsOf(segments, range);
  const low = Math.max(from, sealed.at(-1)?.to ?? 0);
  if (low < to) yield* matching(readBackward(segments, low, to, Sieve.of(where)), where);
  yield* findSealed(sidecars, sealed.reverse(), where, true);
}

/** A sealed segment, and the positions in it that are asked for. */
interface Part {
  readonly segment: Segment;
  readonly from: number;
  readonly to: number;
}

const partsOf = (segments: Segments, { from, to }: IndexedRange): Part[] =>
  segments.slice(0, -1).flatMap((segment, number) => {
    const end = Math.min(to, segments[number + 1]?.base ?? 0);
    const part = { segment, from: Math.max(from, segment.base), to: end };
    return part.from < part.to ? [part] : [];
  });

async function* findSealed(
  sidecars: Sidecars,
  parts: readonly Part[],
  where: LogQuery,
  backward: boolean,
): AsyncGenerator<readonly Recorded[]> {
  const ask = async (part: Part) => ({ part, found: await lookUp(sidecars, part, where) });
  for await (const { part, found } of ahead(parts, ASKED_AT_ONCE, ask)) {
    if (found === undefined) yield* search(part, where, backward);
    else yield* matching(readOrSearch(sidecars, part, found, where, backward), where);
  }
}

/** @returns undefined where the segment has no sidecar to be used */
const lookUp = (sidecars: Sidecars, { segment, from, to }: Part, where: LogQuery) =>
  sidecars.use(segment, async (sidecar): Promise<Found> => {
    const all = await sidecar.candidates(where);
    const places = all.filter((place) => segment.base + place >= from && segment.base + place < to);
    return { places, offsets: await sidecar.offsetsOf(places) };
  });

/** Reads what a sidecar found; goes on by a search where it turns out to be of something else. */
async function* readOrSearch(
  sidecars: Sidecars,
  part: Part,
  found: Found,
  where: LogQuery,
  backward: boolean,
): AsyncGenerator<readonly Recorded[]> {
  let left = part;
  try {
    for await (const { events, until } of readFound(part.segment, found, backward)) {
      yield events;
      left = backward ? { ...part, to: until } : { ...part, from: until + 1 };
    }
  } catch (error) {
    if (!(error instanceof SidecarDamage)) throw error;
    await sidecars.throwAway(part.segment, error);
    yield* search(left, where, backward);
  }
}

const search = ({ segment, from, to }: Part, where: LogQuery, backward: boolean) => {
  const read = backward ? readBackward : readForward;
  return matching(read([segment], from, to, Sieve.of(where)), where);
};
