import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteSink } from '../../../../../src/adapters/log-file/index/byte-sink.ts';
import { intersection, union } from '../../../../../src/adapters/log-file/index/places.ts';
import {
  BlockTable,
  decodePlaces,
  putTerms,
  termsOfBlock,
} from '../../../../../src/adapters/log-file/index/term-list.ts';
import { putVarint, VarintReader } from '../../../../../src/adapters/log-file/index/varint.ts';

const ascending = fc.uniqueArray(fc.nat(1_000_000)).map((some) => some.sort((a, b) => a - b));

describe('numbers of variable length', () => {
  it('come back as they were', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), (value) => {
        const bytes = new Uint8Array(8);
        const end = putVarint(bytes, value, 0);
        const reader = new VarintReader(bytes);
        expect([reader.next(), reader.at]).toEqual([value, end]);
      }),
    );
  });
});

describe('lists of places', () => {
  it('unite and intersect as sets do', () => {
    fc.assert(
      fc.property(ascending, ascending, (a, b) => {
        const [one, other] = [Uint32Array.from(a), Uint32Array.from(b)];
        const both = new Set(a);
        expect([...union([one, other])]).toEqual([...new Set([...a, ...b])].sort((x, y) => x - y));
        expect([...intersection(one, other)]).toEqual(b.filter((place) => both.has(place)));
      }),
    );
  });
});

describe('sorted terms in blocks', () => {
  it('are found by name, with their places, and only those', () => {
    const terms = fc.dictionary(fc.string({ unit: 'grapheme', maxLength: 40 }), ascending, { maxKeys: 300 });
    fc.assert(
      fc.property(terms, fc.string({ maxLength: 3 }), (wanted, absent) => {
        const sorted = Object.entries(wanted).sort(([a], [b]) => (a < b ? -1 : 1));
        const sink = new ByteSink();
        const postings = sorted.map(([term, places]) => ({ term, places: Uint32Array.from(places) }));
        const section = putTerms(sink, postings);
        const bytes = Buffer.from(sink.since(0));
        const table = new BlockTable(bytes.subarray(section.at, section.at + section.bytes), section.blocks);
        const find = (term: string) => {
          const number = table.blockOf(term);
          const place = number < 0 ? undefined : table.placeOf(number);
          if (place === undefined) return undefined;
          const block = termsOfBlock(bytes.subarray(place.at, place.at + place.bytes));
          return block?.find((entry) => entry.term === term);
        };
        for (const [term, places] of sorted) {
          const entry = find(term);
          expect(entry?.count).toBe(places.length);
          const far = entry?.places;
          if (far === undefined) continue;
          const list = far instanceof Uint32Array ? far : decodePlaces(bytes, places.length, far.at);
          expect([...list]).toEqual(places);
        }
        if (!Object.hasOwn(wanted, absent)) expect(find(absent)).toBeUndefined();
      }),
      { numRuns: 50 },
    );
  });
});
