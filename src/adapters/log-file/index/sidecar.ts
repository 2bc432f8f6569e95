import { crc32c } from '@node-rs/crc32';
import type { LogQuery } from '../../../domain/log-query.ts';
import type { DiskFile } from '../disk.ts';
import { intersection, union } from './places.ts';
import {
  type Binding,
  decodeSidecarHeader,
  isBoundTo,
  PAGE_BYTES,
  PAGE_EVENTS,
  PAGE_TIMES_BYTES,
  pagesOf,
  type Section,
  SIDECAR_HEADER_BYTES,
  type SidecarHeader,
} from './sidecar-format.ts';
import { BlockTable, decodePlaces, type TermEntry, termsOfBlock } from './term-list.ts';
import { type Field, fields, type Wanted, wantedOf } from './terms.ts';

/** A sidecar that can't be used. It is thrown away; the log itself is asked instead. */
export class SidecarDamage extends Error {
  constructor(what: string) {
    super(what);
    this.name = 'SidecarDamage';
  }
}

/** Decoding this many places costs as much as reading one event that a shorter list has and this one has not. */
const PLACES_PER_EVENT = 1000;

/** @throws SidecarDamage where it is not the sidecar of this segment */
export const readSidecarHeader = async (file: DiskFile, binding: Binding): Promise<SidecarHeader> => {
  const bytes = Buffer.alloc(SIDECAR_HEADER_BYTES);
  const length = await file.read(bytes, 0);
  const header = decodeSidecarHeader(bytes.subarray(0, length));
  if (header === undefined || !isBoundTo(header, binding))
    throw new SidecarDamage('its header does not fit the segment');
  return header;
};

/** An open sidecar. Places are positions, counted from the segment's first. Every method throws SidecarDamage. */
export class Sidecar {
  readonly header: SidecarHeader;
  readonly #file: DiskFile;

  constructor(header: SidecarHeader, file: DiskFile) {
    this.header = header;
    this.#file = file;
  }

  /** Places that hold all events of the segment that a query asks for, and perhaps others; ascending. */
  async candidates(query: LogQuery): Promise<Uint32Array> {
    if (!mayHold(this.header, query)) return new Uint32Array();
    const asked: TermEntry[][] = [];
    for (const wanted of wantedOf(query)) {
      const entries = await this.#entries(wanted);
      if (entries.length === 0) return new Uint32Array();
      if (countOf(entries) < this.header.events) asked.push(entries);
    }
    const [first, ...rest] = asked.sort((a, b) => countOf(a) - countOf(b));
    let places = first === undefined ? upTo(this.header.events) : await this.#placesOf(first);
    for (const entries of rest) {
      if (countOf(entries) > places.length * PLACES_PER_EVENT) break;
      places = intersection(places, await this.#placesOf(entries));
    }
    return this.#within(query, places);
  }

  /** All terms of a field, sorted. */
  async terms(field: Field): Promise<readonly string[]> {
    const section = this.header.sections[fields.indexOf(field)];
    if (section === undefined || section.blocks === 0) return [];
    const table = await this.#table(section);
    const start = table.placeOf(0)?.at ?? 0;
    // The table is behind its blocks: all of them in one read.
    const all = await this.#read(start, section.at - start);
    return Array.from({ length: section.blocks }, (_, number) => {
      const { at, bytes } = table.placeOf(number) ?? { at: start, bytes: 0 };
      return checked(all.subarray(at - start, at - start + bytes)).map(({ term }) => term);
    }).flat();
  }

  /** Offsets in the segment of the groups that hold these places, in their order. */
  async offsetsOf(places: Uint32Array): Promise<readonly number[]> {
    const offsets: number[] = [];
    let number = -1;
    let page: Buffer = Buffer.alloc(0);
    for (const place of places) {
      const its = Math.floor(place / PAGE_EVENTS);
      if (its !== number) page = await this.#page(its);
      number = its;
      offsets.push(page.readUInt32LE((place % PAGE_EVENTS) * 4) * 8);
    }
    return offsets;
  }

  /** Calls `note` with each place and its group's offset, in order. */
  async eachOffset(note: (place: number, offset: number) => void): Promise<void> {
    const { events } = this.header;
    for (let number = 0; number < pagesOf(events); number += 1) {
      const page = await this.#page(number);
      const start = number * PAGE_EVENTS;
      for (let place = start; place < Math.min(start + PAGE_EVENTS, events); place += 1) {
        note(place, page.readUInt32LE((place - start) * 4) * 8);
      }
    }
  }

  async #page(number: number): Promise<Buffer> {
    const page = await this.#read(this.header.tableAt + number * PAGE_BYTES, PAGE_BYTES);
    if (crc32c(page.subarray(0, PAGE_BYTES - 4)) !== page.readUInt32LE(PAGE_BYTES - 4)) {
      throw new SidecarDamage('a page of its table of offsets fails its checksum');
    }
    return page;
  }

  /** Leaves out the pages whose events are all too early or too late. */
  async #within({ since, until }: LogQuery, places: Uint32Array): Promise<Uint32Array> {
    if (since === undefined && until === undefined) return places;
    const { header } = this;
    const times = await this.#read(header.timesAt, pagesOf(header.events) * PAGE_TIMES_BYTES);
    if (crc32c(times) !== header.timesCrc) throw new SidecarDamage('its times fail their checksum');
    return places.filter((place) => {
      const at = Math.floor(place / PAGE_EVENTS) * PAGE_TIMES_BYTES;
      return (
        (since === undefined || times.readDoubleLE(at + 8) >= since) &&
        (until === undefined || times.readDoubleLE(at) <= until)
      );
    });
  }

  /** The terms of a field that are wanted and there. */
  async #entries({ field, terms, prefixes }: Wanted): Promise<TermEntry[]> {
    const section = this.header.sections[fields.indexOf(field)];
    if (section === undefined || section.blocks === 0) return [];
    const table = await this.#table(section);
    const found = new Map<string, TermEntry>();
    for (const term of terms) {
      const block = await this.#block(table, table.blockOf(term));
      const entry = block.find((one) => one.term === term);
      if (entry !== undefined) found.set(term, entry);
    }
    for (const prefix of prefixes) {
      for (let number = Math.max(0, table.blockOf(prefix)); ; number += 1) {
        const block = await this.#block(table, number);
        for (const one of block) if (one.term.startsWith(prefix)) found.set(one.term, one);
        const last = block.at(-1)?.term;
        if (last === undefined || (last > prefix && !last.startsWith(prefix))) break;
      }
    }
    return [...found.values()];
  }

  async #table(section: Section): Promise<BlockTable> {
    const bytes = await this.#read(section.at, section.bytes);
    if (crc32c(bytes) !== section.crc) throw new SidecarDamage('a table of terms fails its checksum');
    return new BlockTable(bytes, section.blocks);
  }

  /** No terms before the first block and behind the last. */
  async #block(table: BlockTable, number: number): Promise<readonly TermEntry[]> {
    const place = number < 0 ? undefined : table.placeOf(number);
    if (place === undefined) return [];
    return checked(await this.#read(place.at, place.bytes));
  }

  async #placesOf(entries: readonly TermEntry[]): Promise<Uint32Array> {
    const lists: Uint32Array[] = [];
    for (const { places, count } of entries) {
      lists.push(places instanceof Uint32Array ? places : await this.#farPlaces(places, count));
    }
    return union(lists);
  }

  async #farPlaces(far: Exclude<TermEntry['places'], Uint32Array>, count: number): Promise<Uint32Array> {
    const bytes = await this.#read(far.at, far.bytes);
    if (crc32c(bytes) !== far.crc) throw new SidecarDamage('a list of places fails its checksum');
    return decodePlaces(bytes, count);
  }

  async #read(at: number, length: number): Promise<Buffer> {
    const bytes = Buffer.allocUnsafe(length);
    if ((await this.#file.read(bytes, at)) < length) throw new SidecarDamage('it ends too early');
    return bytes;
  }
}

const checked = (block: Buffer): readonly TermEntry[] => {
  const terms = termsOfBlock(block);
  if (terms === undefined) throw new SidecarDamage('a block of terms fails its checksum');
  return terms;
};

/** Whether the times of a segment leave it possible that a query finds something there. */
export const mayHold = (header: SidecarHeader, { since, until }: LogQuery): boolean =>
  (since === undefined || header.until >= since) && (until === undefined || header.since <= until);

const countOf = (entries: readonly TermEntry[]): number => entries.reduce((sum, { count }) => sum + count, 0);

const upTo = (count: number): Uint32Array => Uint32Array.from({ length: count }, (_, place) => place);
