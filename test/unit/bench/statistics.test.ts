import { describe, expect, it } from 'vitest';
import { median, quantile, ratiosOf } from '../../../bench/rig/statistics.ts';

describe('a quantile', () => {
  it('lies between its neighbours, in whatever order they come', () => {
    expect(median([5, 1, 3])).toBe(3);
    expect(median([4, 1, 3, 2])).toBe(2.5);
    expect(quantile([10, 20, 30, 40, 50], 0.25)).toBe(20);
    expect(quantile([10, 20], 0.99)).toBeCloseTo(19.9);
  });

  it('of nothing is no number, so that no bar is met by it', () => {
    expect(median([])).toBeNaN();
  });
});

describe('ratios', () => {
  it('compare neighbours, as far as both have rounds', () => {
    expect(ratiosOf([10, 20, 30], [5, 40])).toEqual([2, 0.5]);
  });
});
