import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { given, own } from '../../../src/domain/owned-map.ts';
import { lateMap, PersistentMap } from '../../../src/domain/persistent-map.ts';

const key = fc.integer({ min: 0, max: 30 }).map((number) => `default/thing-${number}`);
const change = fc.record({ key, value: fc.option(fc.integer({ min: 1 }), { nil: undefined }) });
const start = fc.array(fc.tuple(key, fc.integer({ min: 1 })));
const sorted = <V>(map: Iterable<readonly [string, V]>) => [...map].sort(([a], [b]) => (a < b ? -1 : 1));

describe('a map that one fold owns', () => {
  it('holds what a persistent map holds after the same changes, and gives it back', () => {
    fc.assert(
      fc.property(start, fc.array(change, { maxLength: 60 }), (entries, changes) => {
        const base = PersistentMap.from(entries);
        let expected = base;
        let map = own(base);
        for (const { key: at, value } of changes) {
          expected = value === undefined ? expected.delete(at) : expected.set(at, value);
          map = value === undefined ? map.delete(at) : map.set(at, value);
          expect(map.size).toBe(expected.size);
          expect(map.get(at)).toBe(value);
          expect(map.has(at)).toBe(value !== undefined);
        }
        expect(sorted(map)).toEqual(sorted(expected));
        expect([...map.keys()].sort()).toEqual([...expected.keys()].sort());
        expect([...map.values()].sort()).toEqual([...expected.values()].sort());
        const back = given(map);
        expect(sorted(back)).toEqual(sorted(expected));
        expect(back.size).toBe(expected.size);
        expect(sorted(base)).toEqual(sorted(PersistentMap.from(entries)));
      }),
    );
  });

  it('takes many changes at once', () => {
    const first = own(PersistentMap.from([...'abc'].map((at, n) => [at, n] as const)));
    const second = first.with(new Map([...'bx'].map((at) => [at, at === 'x' ? 7 : undefined] as const)));
    expect(() => first.get('a')).toThrow('after it had been changed');
    expect(sorted(given(second))).toEqual([
      ['a', 0],
      ['c', 2],
      ['x', 7],
    ]);
  });

  it('is used up by a change, and by being given away', () => {
    const first = own(PersistentMap.from([['a', 1]]));
    const second = first.set('b', 2);
    expect(() => first.get('a')).toThrow('after it had been changed');
    expect(second.delete('c')).toBe(second);
    given(second);
    expect(() => second.size).toThrow('after it had been changed');
  });

  it('leaves one unmade that nothing was asked of', () => {
    let made = 0;
    const late = lateMap(() => {
      made += 1;
      return PersistentMap.from([['a', 1]]);
    });
    const back = given(own(late));
    expect(made).toBe(0);
    expect(back.get('a')).toBe(1);
    expect(made).toBe(1);
  });

  it('stands in a state wherever a map is a field, and nowhere else', () => {
    const inner = PersistentMap.from([['x', 1]]);
    const plain = { words: ['a'], count: 7n };
    const state = { plain, maps: { outer: PersistentMap.from([['one', { inner }]]) } };
    const owned = own(state);
    expect(owned.plain).toBe(plain);
    expect(owned.maps.outer).not.toBe(state.maps.outer);
    expect(owned.maps.outer.get('one')?.inner).toBe(inner);
    expect(sorted(given(owned).maps.outer)).toEqual(sorted(state.maps.outer));
  });
});
