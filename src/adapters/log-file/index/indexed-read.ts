import type { Recorded } from '../../../domain/envelope.ts';
import type { LogQuery } from '../../../domain/log-query.ts';
import { matching } from '../../../engine/ports/matching.ts';
import { readBackward, readForward, type Segments } from '../read.ts';
import { ahead } from './ahead.ts';
import { type Found, readFound } from './read-found.ts';
import { SidecarDamage } from './sidecar.ts';
import type { Indexed, Sidecars } from './sidecars.ts';
import { Sieve } from './sieve.ts';
import { endOf } from './stretches.ts';

/** Segments whose sidecars are asked at once: the disk has more than one thing to do, and few files are open. */
const ASKED_AT_ONCE = 8;

/** Which events, from a position to another (exclusive). */
export interface IndexedRange {
  readonly from: number;
  readonly to: number;
  readonly where: LogQuery;
}

/**
 * The events of a log that a query asks for: of sealed segments by their sidecars, of the one that is being written by its
 * stretches, and of what has no index by searching it.
 * @throws LogDamage
 */
export async function* findForward(
  segments: Segments,
  sidecars: Sidecars,
  range: IndexedRange,
): AsyncGenerator<readonly Recorded[]> {
  const { from, to, where } = range;
  const parts = await partsOf(segments, sidecars, range);
  yield* findIndexed(sidecars, parts, where, false);
  const next = Math.max(from, parts.at(-1)?.to ?? 0);
  if (next < to) yield* matching(readForward(segments, next, to, Sieve.of(where)), where);
}

/** As {@link findForward}, the latest first. @param range `to` is not above what is durable */
export async function* findBackward(
  segments: Segments,
  sidecars: Sidecars,
  range: IndexedRange,
): AsyncGenerator<readonly Recorded[]> {
  const { from, to, where } = range;
  const parts = await partsOf(segments, sidecars, range);
  const low = Math.max(from, parts.at(-1)?.to ?? 0);
  if (low < to) yield* matching(readBackward(segments, low, to, Sieve.of(where)), where);
  yield* findIndexed(sidecars, parts.reverse(), where, true);
}

/** A sealed segment, or a stretch of the one that is being written, and the positions in it that are asked for. */
interface Part extends Indexed {
  readonly from: number;
  readonly to: number;
}

const partsOf = async (
  segments: Segments,
  sidecars: Sidecars,
  { from, to }: IndexedRange,
): Promise<Part[]> => {
  const active = segments.at(-1);
  const sealed = segments.slice(0, -1).map((segment, number) => {
    return { segment, from: segment.base, to: segments[number + 1]?.base ?? 0 };
  });
  const stretches = active === undefined ? [] : await sidecars.stretchesOf(active);
  const begun = stretches.flatMap((stretch) => {
    return active === undefined
      ? []
      : [{ segment: active, stretch, from: stretch.header.base, to: endOf(stretch) }];
  });
  return [...sealed, ...begun].flatMap((part) => {
    const asked = { ...part, from: Math.max(from, part.from), to: Math.min(to, part.to) };
    return asked.from < asked.to ? [asked] : [];
  });
};

/** Asks the filters over all segments first, then the indexes of those that are left. */
async function* findIndexed(
  sidecars: Sidecars,
  parts: readonly Part[],
  where: LogQuery,
  backward: boolean,
): AsyncGenerator<readonly Recorded[]> {
  const mayHold = await sidecars.mayHold(where);
  const left = parts.filter(({ segment, stretch }) => stretch !== undefined || mayHold(segment));
  const ask = async (part: Part) => ({ part, found: await lookUp(sidecars, part, where) });
  for await (const { part, found } of ahead(left, ASKED_AT_ONCE, ask)) {
    if (found === undefined) yield* search(part, where, backward);
    else yield* matching(readOrSearch(sidecars, part, found, where, backward), where);
  }
}

/** @returns undefined where there is no index to be used */
const lookUp = (sidecars: Sidecars, part: Part, where: LogQuery) =>
  sidecars.use(part, async (sidecar): Promise<Found> => {
    const { base } = sidecar.header;
    const all = await sidecar.candidates(where);
    const places = all.filter((place) => base + place >= part.from && base + place < part.to);
    return { base, places, offsets: await sidecar.offsetsOf(places) };
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
    await sidecars.throwAway(part, error);
    yield* search(left, where, backward);
  }
}

const search = ({ segment, from, to }: Part, where: LogQuery, backward: boolean) => {
  const read = backward ? readBackward : readForward;
  return matching(read([segment], from, to, Sieve.of(where)), where);
};
