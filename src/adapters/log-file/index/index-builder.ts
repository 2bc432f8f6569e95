import { crc32c } from '@node-rs/crc32';
import type { Envelope } from '../../../domain/envelope.ts';
import { ByteSink } from './byte-sink.ts';
import { NumberList } from './number-list.ts';
import {
  type Binding,
  encodeSidecarHeader,
  PAGE_BYTES,
  PAGE_EVENTS,
  PAGE_TIMES_BYTES,
  pagesOf,
  SIDECAR_HEADER_BYTES,
} from './sidecar-format.ts';
import { type Posting, putTerms } from './term-list.ts';
import { eachTerm, type Field, fields } from './terms.ts';

/** The terms of one field, and in pairs which of them stood at which place, in the order of the log. */
class FieldTerms {
  readonly #numbers = new Map<string, number>();
  readonly #terms = new NumberList();
  readonly #places = new NumberList();

  add(term: string, place: number): void {
    let number = this.#numbers.get(term);
    if (number === undefined) {
      number = this.#numbers.size;
      this.#numbers.set(term, number);
    }
    this.#terms.push(number);
    this.#places.push(place);
  }

  /** By term, sorted. */
  *postings(): Generator<Posting> {
    const starts = new Uint32Array(this.#numbers.size + 1);
    const numbers = this.#terms.slice();
    const places = this.#places.slice();
    for (const number of numbers) starts[number + 1] = (starts[number + 1] ?? 0) + 1;
    for (let number = 0; number < this.#numbers.size; number += 1) {
      starts[number + 1] = (starts[number + 1] ?? 0) + (starts[number] ?? 0);
    }
    const next = starts.slice();
    const sorted = new Uint32Array(places.length);
    numbers.forEach((number, pair) => {
      const to = next[number] ?? 0;
      sorted[to] = places[pair] ?? 0;
      next[number] = to + 1;
    });
    for (const term of [...this.#numbers.keys()].sort()) {
      const number = this.#numbers.get(term) ?? 0;
      yield { term, places: sorted.subarray(starts[number], starts[number + 1]) };
    }
  }
}

/** Gathers what a sidecar holds, event by event. */
export class IndexBuilder {
  readonly #fields = new Map<Field, FieldTerms>(fields.map((field) => [field, new FieldTerms()]));
  /** Offsets of the events' groups, in units of 8 bytes: groups are aligned, and 4 GiB of segment fit 4 bytes. */
  readonly #offsets = new NumberList();
  readonly #times: number[] = [];

  get events(): number {
    return this.#offsets.length;
  }

  /** Takes the next event. @param offset of its group in the segment */
  add(event: Envelope, offset: number): void {
    const place = this.#offsets.length;
    this.#offsets.push(offset / 8);
    this.#times.push(event.meta.time.wall);
    eachTerm(event, (field, term) => this.#fields.get(field)?.add(term, place));
  }

  /** The sidecar, in parts. */
  encode(binding: Binding): readonly Buffer[] {
    const sink = new ByteSink();
    sink.add(Buffer.alloc(SIDECAR_HEADER_BYTES));
    const tableAt = sink.length;
    this.#putTable(sink);
    const timesAt = sink.length;
    const { since, until } = this.#putTimes(sink);
    const timesCrc = crc32c(sink.since(timesAt));
    const sections = fields.map((field) => putTerms(sink, this.#fields.get(field)?.postings() ?? []));
    const header = { ...binding, events: this.events, since, until, tableAt, timesAt, timesCrc, sections };
    return [encodeSidecarHeader(header), sink.since(SIDECAR_HEADER_BYTES)];
  }

  #putTable(sink: ByteSink): void {
    for (let page = 0; page < pagesOf(this.events); page += 1) {
      const bytes = Buffer.alloc(PAGE_BYTES);
      const offsets = this.#offsets.slice(page * PAGE_EVENTS, (page + 1) * PAGE_EVENTS);
      offsets.forEach((offset, number) => {
        bytes.writeUInt32LE(offset, number * 4);
      });
      bytes.writeUInt32LE(crc32c(bytes.subarray(0, PAGE_BYTES - 4)), PAGE_BYTES - 4);
      sink.add(bytes);
    }
  }

  #putTimes(sink: ByteSink): { readonly since: number; readonly until: number } {
    let [since, until] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    for (let page = 0; page < pagesOf(this.events); page += 1) {
      const times = this.#times.slice(page * PAGE_EVENTS, (page + 1) * PAGE_EVENTS);
      const [first, last] = [Math.min(...times), Math.max(...times)];
      const bytes = Buffer.alloc(PAGE_TIMES_BYTES);
      bytes.writeDoubleLE(first, 0);
      bytes.writeDoubleLE(last, 8);
      sink.add(bytes);
      [since, until] = [Math.min(since, first), Math.max(until, last)];
    }
    return { since, until };
  }
}
