import type { Recorded } from '../../../domain/envelope.ts';
import type { DiskFile } from '../disk.ts';
import { withFile } from '../durable-file.ts';
import { GROUP_HEADER_BYTES, groupField, MAX_GROUP_BYTES } from '../format.ts';
import { checkGroup, countOf, decodeGroup, firstOf } from '../group.ts';
import type { Segment } from '../segment.ts';
import { SidecarDamage } from './sidecar.ts';

/** Places in a segment, counted from its first position, ascending; and the offsets of the groups that hold them. */
export interface Found {
  readonly places: Uint32Array;
  readonly offsets: readonly number[];
}

/** Groups this near to each other are read together: reading what lies between is cheaper than another call. */
const GAP_BYTES = 32 * 1024;
const SPAN_BYTES = 1024 * 1024;
/** What is read of a group whose length is not known yet. */
const GUESS_BYTES = 4096;

/** A group, and the first and the last position in it that are wanted. */
interface GroupAt {
  readonly offset: number;
  readonly first: number;
  readonly last: number;
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
  const spans = spansOf(groupsOf(segment, found));
  for (const span of backward ? spans.reverse() : spans) {
    const events = await withFile(segment.disk, segment.path, 'read', (file) =>
      readSpan(file, segment.end, span),
    );
    const [first, last] = [span[0], span.at(-1)];
    if (first === undefined || last === undefined) continue;
    yield backward ? { events: events.reverse(), until: first.first } : { events, until: last.last };
  }
}

const groupsOf = (segment: Segment, { places, offsets }: Found): GroupAt[] => {
  const groups: GroupAt[] = [];
  for (const [number, place] of places.entries()) {
    const offset = offsets[number] ?? 0;
    const position = segment.base + place;
    const before = groups.at(-1);
    if (before?.offset !== offset) groups.push({ offset, first: position, last: position });
    else groups[groups.length - 1] = { ...before, last: position };
  }
  return groups;
};

const spansOf = (groups: readonly GroupAt[]): GroupAt[][] => {
  const spans: GroupAt[][] = [];
  for (const group of groups) {
    const span = spans.at(-1);
    const [first, last] = [span?.[0], span?.at(-1)];
    const near =
      first !== undefined &&
      last !== undefined &&
      group.offset - last.offset <= GAP_BYTES &&
      group.offset - first.offset <= SPAN_BYTES;
    if (near) span?.push(group);
    else spans.push([group]);
  }
  return spans;
};

const readSpan = async (file: DiskFile, end: number, span: readonly GroupAt[]): Promise<Recorded[]> => {
  const start = span[0]?.offset ?? 0;
  const length = (span.at(-1)?.offset ?? 0) - start + GUESS_BYTES;
  let bytes = await readUpTo(file, start, Math.min(length, end - start));
  const events: Recorded[] = [];
  for (const { offset, first, last } of span) {
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
