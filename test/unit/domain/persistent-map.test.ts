import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { lateMap, PersistentMap } from '../../../src/domain/persistent-map.ts';

type Change = { readonly key: string; readonly value?: number };
const applied = (changes: readonly Change[]) => {
  const model = new Map<string, number>();
  let map = PersistentMap.empty<number>();
  for (const { key, value } of changes) {
    if (value === undefined) {
      model.delete(key);
      map = map.delete(key);
    } else {
      model.set(key, value);
      map = map.set(key, value);
    }
  }
  return { model, map };
};
const sorted = (entries: Iterable<readonly [string, number]>) =>
  [...entries].sort(([a], [b]) => (a < b ? -1 : 1));
const same = ({ model, map }: ReturnType<typeof applied>, keys: readonly string[]) => {
  expect(map.size).toBe(model.size);
  expect(sorted(map)).toEqual(sorted(model));
  expect([...map.keys()].sort()).toEqual([...model.keys()].sort());
  expect([...map.values()].sort()).toEqual([...model.values()].sort());
  for (const key of keys) {
    expect(map.get(key)).toBe(model.get(key));
    expect(map.has(key)).toBe(model.has(key));
  }
};
const changesOf = (key: fc.Arbitrary<string>): fc.Arbitrary<readonly Change[]> =>
  fc.array(
    fc.oneof(
      { weight: 3, arbitrary: fc.record({ key, value: fc.integer({ min: 0, max: 5 }) }) },
      { weight: 2, arbitrary: fc.record({ key }) },
    ),
    { maxLength: 120 },
  );

const tidied = (key: string, value: number | undefined): Change =>
  value === undefined ? { key } : { key, value };

/** The hash of the map (FNV-1a with a final mix), to find keys that collide. */
const hash = (key: string): number => {
  let found = 0x811c9dc5;
  for (let i = 0; i < key.length; i++) found = Math.imul(found ^ key.charCodeAt(i), 0x01000193);
  found = Math.imul(found ^ (found >>> 16), 0x85ebca6b);
  return found ^ (found >>> 13);
};

/** Keys of which each shares its hash with another. */
const colliding = (): string[] => {
  const seen = new Map<number, string>();
  const pairs: string[] = [];
  for (let n = 0; pairs.length < 8 && n < 1_000_000; n++) {
    const key = n.toString(36);
    const other = seen.get(hash(key));
    if (other !== undefined) pairs.push(other, key);
    seen.set(hash(key), key);
  }
  return pairs;
};

describe('a persistent map', () => {
  let pairs: string[] = [];
  beforeAll(() => {
    pairs = colliding();
  });

  it('does what a Map does', () => {
    const key = fc.oneof(fc.string({ maxLength: 3 }), fc.integer({ min: 0, max: 60 }).map(String));
    fc.assert(
      fc.property(changesOf(key), (changes) => {
        same(
          applied(changes),
          changes.map((change) => change.key),
        );
      }),
    );
  });

  it('does so for keys of one hash', () => {
    expect(pairs).toHaveLength(8);
    fc.assert(
      fc.property(changesOf(fc.constantFrom(...pairs, 'web', 'db')), (changes) => {
        same(applied(changes), pairs);
      }),
    );
  });

  it('takes many changes at once as it takes them one by one, and leaves the map it came from as it was', () => {
    const any = fc.oneof(
      fc.constantFrom(...pairs, 'web', 'db'),
      fc.integer({ min: 0, max: 60 }).map(String),
      fc.string({ maxLength: 3 }),
    );
    fc.assert(
      fc.property(changesOf(any), changesOf(any), (before, changes) => {
        const { model, map } = applied(before);
        const last = new Map(changes.map(({ key, value }) => [key, value] as const));
        const all = map.with(last);
        const one = applied([...before, ...[...last].map(([key, value]) => tidied(key, value))]);
        same({ model: one.model, map: all }, [...last.keys()]);
        expect([...all]).toEqual([...one.map]);
        same({ model, map }, [...last.keys()]);
      }),
      { numRuns: 300 },
    );
  });

  it('is the same map after changes that change nothing', () => {
    const map = PersistentMap.from([...'abcdefgh'].map((key, n) => [key, n] as const));
    expect(map.with(new Map())).toBe(map);
    expect(map.with(new Map([...'xyz'].map((key) => [key, undefined] as const)))).toBe(map);
  });

  it('leaves the map it came from as it was', () => {
    const key = fc.constantFrom(...pairs, ...'abcdefgh');
    fc.assert(
      fc.property(changesOf(key), changesOf(key), (before, after) => {
        const start = applied(before);
        const kept = sorted(start.map);
        let map = start.map;
        for (const { key: one, value } of after) {
          map = value === undefined ? map.delete(one) : map.set(one, value);
        }
        expect(sorted(start.map)).toEqual(kept);
      }),
    );
  });

  it('iterates in an order that does not depend on how it came about', () => {
    const distinct = fc.uniqueArray(fc.string({ maxLength: 4 }), { maxLength: 40 });
    fc.assert(
      fc.property(distinct, fc.integer(), (keys, seed) => {
        const shuffled = [...keys].sort(
          (a, b) => Math.imul(hash(a), seed | 1) - Math.imul(hash(b), seed | 1),
        );
        const entries = (list: readonly string[]) => list.map((key) => [key, 1] as const);
        expect([...PersistentMap.from(entries(shuffled)).keys()]).toEqual([
          ...PersistentMap.from(entries(keys)).keys(),
        ]);
      }),
    );
  });

  it('tells which values are not the same in two', () => {
    const key = fc.oneof(fc.constantFrom(...pairs), fc.integer({ min: 0, max: 60 }).map(String));
    fc.assert(
      fc.property(changesOf(key), changesOf(key), (first, second) => {
        const before = applied(first).map;
        let after = before;
        for (const { key: one, value } of second) {
          after = value === undefined ? after.delete(one) : after.set(one, value);
        }
        const keys = [...new Set([...before.keys(), ...after.keys()])].sort();
        const expected = keys
          .filter((one) => before.get(one) !== after.get(one))
          .map((one) => [one, before.get(one), after.get(one)]);
        const told = [...PersistentMap.difference(before, after)].map((one) => [
          one.key,
          one.before,
          one.after,
        ]);
        expect(told.sort(([a], [b]) => (String(a) < String(b) ? -1 : 1))).toEqual(expected);
      }),
    );
  });

  it('finds few differences in large maps without looking at what they share', () => {
    let looked = 0;
    const map = PersistentMap.from(Array.from({ length: 50_000 }, (_, n) => [`blob/${n}`, { n }] as const));
    const next = map.set('blob/7', { n: 8 }).delete('blob/9').set('new', { n: 1 });
    const began = performance.now();
    for (let round = 0; round < 1000; round++) looked += [...PersistentMap.difference(map, next)].length;
    expect(looked).toBe(3000);
    expect(performance.now() - began).toBeLessThan(5000);
  });

  it('is itself where nothing changes', () => {
    const map = PersistentMap.from([['a', 1]]);
    expect(map.set('a', 1)).toBe(map);
    expect(map.delete('b')).toBe(map);
  });

  it('holds a hundred thousand', () => {
    let map = PersistentMap.empty<number>();
    for (let n = 0; n < 100_000; n++) map = map.set(`blob/default/${n}`, n);
    expect(map.size).toBe(100_000);
    expect(map.get('blob/default/99999')).toBe(99_999);
    for (let n = 0; n < 100_000; n += 2) map = map.delete(`blob/default/${n}`);
    expect(map.size).toBe(50_000);
    expect([...map.values()].every((n) => n % 2 === 1)).toBe(true);
  });
});

describe('a map made of many entries at once', () => {
  it('is the one that they give one by one', () => {
    const key = fc.oneof(fc.string({ maxLength: 3 }), fc.constantFrom(...colliding()));
    fc.assert(
      fc.property(fc.array(fc.tuple(key, fc.nat())), (entries) => {
        const oneByOne = entries.reduce(
          (map, [at, value]) => map.set(at, value),
          PersistentMap.empty<number>(),
        );
        const atOnce = PersistentMap.from(entries);
        expect([...atOnce]).toEqual([...oneByOne]);
        expect([...PersistentMap.difference(oneByOne, atOnce)]).toEqual([]);
        for (const [at] of entries) expect(atOnce.delete(at).has(at)).toBe(false);
      }),
    );
  });
});

describe('a map whose values are text at first', () => {
  it('reads each value once, when it is looked at', () => {
    const read: string[] = [];
    const map = PersistentMap.late<number>(
      [
        ['a', '1'],
        ['b', '2'],
      ],
      (text) => {
        read.push(text);
        return Number(text);
      },
    );
    expect([map.size, map.has('a'), [...map.keys()].sort()]).toEqual([2, true, ['a', 'b']]);
    expect(read).toEqual([]);
    expect([map.get('a'), map.get('a')]).toEqual([1, 1]);
    expect(read).toEqual(['1']);
    expect(map.set('b', 3).get('a')).toBe(1);
    expect(sorted(map)).toEqual([
      ['a', 1],
      ['b', 2],
    ]);
  });
});

describe('a map that is made later', () => {
  const entries = [['a', 1] as const, ['b', 2] as const];

  it('is made once, by whatever is asked of it first', () => {
    const made: number[] = [];
    const late = () =>
      lateMap(() => {
        made.push(made.length);
        return PersistentMap.from(entries);
      });
    const uses: ((map: PersistentMap<number>) => unknown)[] = [
      (map) => map.size,
      (map) => map.get('a'),
      (map) => map.has('a'),
      (map) => map.set('c', 3),
      (map) => map.delete('a'),
      (map) => [...map],
      (map) => [...map.keys()],
      (map) => [...map.values()],
      (map) => [...PersistentMap.difference(map, PersistentMap.empty())],
    ];
    for (const use of uses) {
      made.length = 0;
      const map = late();
      expect(made).toHaveLength(0);
      expect(use(map)).toEqual(use(PersistentMap.from(entries)));
      use(map);
      expect(made).toHaveLength(1);
    }
  });
});
