import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cleanName, kindOfName } from '../../../../src/adapters/unpack/names.ts';

describe('names of entries', () => {
  it.each([
    ['a/b', 'a/b'],
    ['./a//b/', 'a/b'],
    ['/a', 'a'],
    ['a/../b', 'b'],
    ['./', ''],
    ['..a/...', '..a/...'],
    ['a/./.b', 'a/.b'],
  ])('%s is %s in the layer', (name, clean) => expect(cleanName(name)).toBe(clean));

  it('never leave, whatever they are', () => {
    const parts = fc.array(fc.constantFrom('..', '.', '', 'a', '..a', 'b.'), { maxLength: 8 });
    fc.assert(
      fc.property(parts, (given) => {
        let clean: string;
        try {
          clean = cleanName(given.join('/'));
        } catch (error) {
          expect(given).toContain('..');
          expect(String(error)).toMatch(/leave the layer/);
          return;
        }
        expect(clean === '' || clean.split('/').every((part) => !['', '.', '..'].includes(part))).toBe(true);
        expect(cleanName(clean)).toBe(clean);
      }),
    );
  });

  it.each([
    ['d/f', { kind: 'plain' }],
    ['d/x.wh.y', { kind: 'plain' }],
    ['d/.wh.f', { kind: 'whiteout', hidden: 'f' }],
    ['.wh..wh..opq', { kind: 'opaque' }],
    ['d/.wh..wh.aufs', { kind: 'ignored' }],
    ['.wh..wh.plnk/1.2', { kind: 'ignored' }],
  ])('%s means %j', (name, meaning) => expect(kindOfName(name)).toEqual(meaning));
});
