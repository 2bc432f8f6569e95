import { describe, expect, it } from 'vitest';
import { mergeLabels } from '../../../src/domain/labels.ts';

describe('labels', () => {
  const labels = { a: '1', b: '2' };
  it.each<[Record<string, string>, Record<string, string>]>([
    [{ c: '3' }, { a: '1', b: '2', c: '3' }],
    [{ a: '9' }, { a: '9', b: '2' }],
    [{ a: '' }, { b: '2' }],
    [
      { a: '', c: '3' },
      { b: '2', c: '3' },
    ],
  ])('changed by %j', (changes, merged) => {
    expect(mergeLabels(labels, changes)).toEqual(merged);
    expect(labels).toEqual({ a: '1', b: '2' });
  });
  it.each<[Record<string, string>]>([[{}], [{ a: '1' }], [{ c: '' }]])(
    'are themselves after %j',
    (changes) => {
      expect(mergeLabels(labels, changes)).toBe(labels);
    },
  );
});
