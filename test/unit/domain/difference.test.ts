import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { firstDifference } from '../../../src/domain/difference.ts';
import { PersistentMap } from '../../../src/domain/persistent-map.ts';
import { worldOf } from '../../support/given.ts';
import { anyCommand, logOf } from './random-commands.ts';

const map = (...entries: readonly (readonly [string, unknown])[]) => PersistentMap.from(entries);

describe('two states', () => {
  it.each<[unknown, unknown]>([
    [1, 1],
    [Number.NaN, Number.NaN],
    [
      { a: 1, b: { c: [1, 2] } },
      { b: { c: [1, 2] }, a: 1 },
    ],
    [{ a: 1, b: undefined }, { a: 1 }],
    [map(['a', 1], ['b', 2]), map(['b', 2], ['a', 1])],
    [{ at: 3n }, { at: 3n }],
  ])('%o and %o are equal', (one, other) => {
    expect(firstDifference(one, other)).toBeUndefined();
    expect(firstDifference(other, one)).toBeUndefined();
  });
  it.each<[unknown, unknown, string]>([
    [1, 2, '.'],
    [null, {}, '.'],
    [{ a: 1 }, { a: 2 }, '/a'],
    [{ a: 1 }, {}, '/a'],
    [{ a: [1, 2] }, { a: [1] }, '/a/1'],
    [{ m: map(['k', { v: 1 }]) }, { m: map(['k', { v: 2 }]) }, '/m/k/v'],
    [{ m: map(['k', 1]) }, { m: map() }, '/m/k'],
    [{ at: 3n }, { at: 4n }, '/at'],
    [{ a: '1' }, { a: 1 }, '/a'],
  ])('%o and %o differ', (one, other, path) => {
    expect(firstDifference(one, other)).toBe(path);
    expect(firstDifference(other, one)).toBe(path);
  });
  it('that one more event made differ, always in their position', () => {
    fc.assert(
      fc.property(fc.array(anyCommand, { minLength: 5, maxLength: 60, size: 'max' }), (commands) => {
        const facts = logOf(commands);
        expect(firstDifference(worldOf(facts), worldOf(facts))).toBeUndefined();
        if (facts.length === 0) return;
        expect(firstDifference(worldOf(facts), worldOf(facts.slice(0, -1)))).toBe('/position');
      }),
      { numRuns: 30 },
    );
  });
});
