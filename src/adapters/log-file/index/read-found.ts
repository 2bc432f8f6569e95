import type { Recorded } from '../../../domain/envelope.ts';
import type { DiskFile } from '../disk.ts';
import { GROUP_HEADER_BYTES, groupField, MAX_GROUP_BYTES } from '../format.ts';
import { checkGroup, countOf, decodeGroup, firstOf } from '../group.ts';
import type { Segment } from '../segment.ts';
import { ahead } from './ahead.ts';
import { SidecarDamage } from './sidecar.ts';

/** Places in a segment, counted from a position, ascending; and the offsets of the groups that hold them. */
export interface Found {
  readonly base: number;
  readonly places: Uint32Array;
  readonly offsets: readonly number[];
}

/** Groups this near to each other are read together: reading what lies between is cheaper than another call. */
const GAP_BYTES = 32 * 1024;
const SPAN_BYTES = 256 * 1024;
/** Calls under way at a time. */
const SPANS_AT_ONCE = 4;
/** What is read of a group whose length is not known yet. */
const GUESS_BYTES = 4096;

/** A group, and the first and the last position in it that are wanted. */
interface GroupAt {
  readonly offset: number;
  readonly first: number;
  readonly last: number;
}

/** Groups that are read in one call. */
interface Span {
  readonly groups: GroupAt[];
  readonly first: GroupAt;
  last: GroupAt;
}

/**
 * Reads the groups that hold some places, and decodes those events and what stands between them in the same group.
 * @returns batches, and with each the last position that it answers for; descending when `backward`
 * @throws SidecarDamage where a group is not what the sidecar says
 */
export async function* readFound(
  segment: Segment,
  found: Found,
  backward: boolean,
): AsyncGenerator<{ readonly events: readonly Recorded[]; readonly until: number }> {
  const spans = spansOf(groupsOf(found));
  if (backward) spans.reverse();
  const file = await segment.disk.open(segment.path, 'read');
  try {
    const read = async (span: Span) => ({ span, events: await readSpan(file, segment.end, span) });
    for await (const { span, events } of ahead(spans, SPANS_AT_ONCE, read)) {
      yield backward
        ? { events: events.reverse(), until: span.first.first }
        : { events, until: span.last.last };
    }
  } finally {
    await file.close();
  }
}

const groupsOf = ({ base, places, offsets }: Found): GroupAt[] => {
  const groups: GroupAt[] = [];
  for (const [number, place] of places.entries()) {
    const offset = offsets[number] ?? 0;
    const position = base + place;
    const before = groups.at(-1);
    if (before?.offset !== offset) groups.push({ offset, first: position, last: position });
    else groups[groups.length - 1] = { ...before, last: position };
  }
  return groups;
};

const spansOf = (groups: readonly GroupAt[]): Span[] => {
  const spans: Span[] = [];
  for (const group of groups) {
    const span = spans.at(-1);
    const near =
      span !== undefined &&
      group.offset - span.last.offset <= GAP_BYTES &&
      group.offset - span.first.offset <= SPAN_BYTES;
    if (near) {
      span.groups.push(group);
      span.last = group;
    } else spans.push({ groups: [group], first: group, last: group });
  }
  return spans;
};

const readSpan = async (file: DiskFile, end: number, span: Span): Promise<Recorded[]> => {
  const start = span.first.offset;
  const length = span.last.offset - start + GUESS_BYTES;
  let bytes = await readUpTo(file, start, Math.min(length, end - start));
  const events: Recorded[] = [];
  for (const { offset, first, last } of span.groups) {
    const at = offset - start;
    let checked = checkGroup(bytes, at, bytes.length);
    if (checked === 'more') {
      bytes = await readUpTo(file, start, at + lengthOf(bytes, at));
      checked = checkGroup(bytes, at, bytes.length);
    }
    const its = typeof checked === 'number' ? firstOf(bytes, at) : Number.NaN;
    if (!(its <= first && last < its + countOf(bytes, at))) {
      throw new SidecarDamage(`at byte ${offset} of the segment is no group with position ${first}`);
    }
    decodeGroup(bytes, at, first, last + 1, events);
  }
  return events;
};

const readUpTo = async (file: DiskFile, offset: number, length: number): Promise<Buffer> => {
  const bytes = Buffer.allocUnsafe(Math.max(0, length));
  return bytes.subarray(0, await file.read(bytes, offset));
};

/** What a group says that it is long, if there is enough of it to say so. */
const lengthOf = (bytes: Buffer, at: number): number =>
  bytes.length - at < GROUP_HEADER_BYTES
    ? GROUP_HEADER_BYTES
    : Math.min(bytes.readUInt32LE(at + groupField.length), MAX_GROUP_BYTES);
