import { describe, expect, it } from 'vitest';
import type { Bar } from '../../../bench/rig/bars.ts';
import type { Figure } from '../../../bench/rig/figures.ts';
import { fasterOf, isShort, verdictOf } from '../../../bench/rig/verdict.ts';

const figure = (rest: Partial<Figure>): Figure => ({ name: 'to running', unit: 'ms', ours: [1], ...rest });
const bar = (rest: Partial<Bar>): Bar => ({ bench: 'start', figure: 'to running', of: 'median', ...rest });

describe('a bar', () => {
  it('of a median is met by the middle of the rounds, whatever the worst was', () => {
    expect(verdictOf(bar({ most: 5 }), figure({ ours: [4, 5, 90] }))).toEqual({ state: 'met', value: 5 });
    expect(verdictOf(bar({ most: 5 }), figure({ ours: [4, 6, 7] }))).toEqual({ state: 'short', value: 6 });
  });

  it('of the worst is short when one round is', () => {
    expect(verdictOf(bar({ of: 'worst', most: 5 }), figure({ ours: [1, 1, 6] })).state).toBe('short');
    const rates = figure({ unit: '/s', ours: [9, 2, 9] });
    expect(verdictOf(bar({ of: 'worst', least: 3 }), rates)).toEqual({ state: 'short', value: 2 });
  });

  it('of a ratio compares the medians of both', () => {
    const beside = figure({ ours: [30, 40, 50], peer: [90, 100, 400] });
    expect(verdictOf(bar({ of: 'ratio', most: 0.4 }), beside)).toEqual({ state: 'met', value: 0.4 });
    expect(verdictOf(bar({ of: 'ratio', least: 0.5 }), beside).state).toBe('short');
  });

  it('that nothing was measured for is short', () => {
    const verdict = verdictOf(bar({ of: 'ratio', most: 1 }), figure({}));
    expect(verdict).toEqual({ state: 'not measured' });
    expect(isShort(verdict)).toBe(true);
    expect(isShort(verdictOf(bar({ most: 1 }), undefined))).toBe(true);
  });

  it('that the machine cannot answer is left out where the bar says so', () => {
    const verdict = verdictOf(bar({ most: 1, unless: 'crun does not run here' }), undefined);
    expect(verdict).toEqual({ state: 'left out' });
    expect(isShort(verdict)).toBe(false);
  });

  it('is short when the figure is no number', () => {
    expect(verdictOf(bar({ most: 1 }), figure({ ours: [Number.NaN] })).state).toBe('short');
  });
});

describe('who is ahead', () => {
  it('is who takes less time, or less memory', () => {
    expect(fasterOf(figure({ ours: [50], peer: [100] }))).toBe('Shiplog, 2.0 ×');
    expect(fasterOf(figure({ ours: [300], peer: [100] }))).toBe('containerd, 3.0 ×');
  });

  it('is who does more a second', () => {
    expect(fasterOf(figure({ unit: '/s', ours: [50], peer: [100], peerName: 'the disk' }))).toBe(
      'the disk, 2.0 ×',
    );
  });

  it('is nobody within two in a hundred, and not said where nobody was beside', () => {
    expect(fasterOf(figure({ ours: [101], peer: [100] }))).toBe('even');
    expect(fasterOf(figure({}))).toBeUndefined();
  });

  it('is nobody where both have none', () => {
    expect(fasterOf(figure({ unit: '', ours: [0], peer: [0] }))).toBe('even');
  });
});
