import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decodeBundle,
  encodeBundle,
  hashInTile,
  parseTilePath,
  type Tile,
  tileNodeOf,
  tilePath,
  tilesSince,
} from '../../../src/tlog/tile.ts';
import { naiveRoot } from '../../support/merkle.ts';

describe('paths of tiles', () => {
  it.each<readonly [string, Tile]>([
    ['tile/0/x001/x234/067', { level: 0, index: 1_234_067, width: 256 }],
    ['tile/0/000', { level: 0, index: 0, width: 256 }],
    ['tile/63/999.p/1', { level: 63, index: 999, width: 1 }],
    ['tile/1/x001/000.p/255', { level: 1, index: 1000, width: 255 }],
    ['tile/entries/x123/x456/078.p/2', { level: 'entries', index: 123_456_078, width: 2 }],
  ])('%s', (path, tile) => {
    expect(tilePath(tile)).toBe(path);
    expect(parseTilePath(path)).toEqual(tile);
  });

  it.each([
    'tile/64/000',
    'tile/00/000',
    'tile/-1/000',
    'tile/0/0',
    'tile/0/123/456',
    'tile/0/x000/001',
    'tile/0/001.p/0',
    'tile/0/001.p/256',
    'tile/0/001.p/05',
    'tile/0/001.p/',
    'tile/data/001',
    'tile/0/../../etc',
    '/tile/0/001',
  ])('%s is none', (path) => {
    expect(parseTilePath(path)).toBeUndefined();
  });
});

describe('the tiles of a tree', () => {
  const shapes = (size: number) => {
    const found: Record<string, number[]> = {};
    for (const { level, width } of tilesSince(0, size)) {
      const counts = found[level] ?? [0];
      found[level] = counts;
      if (width === 256) counts[0] = (counts[0] ?? 0) + 1;
      else counts.push(width);
    }
    return found;
  };

  it('are as the examples of the specification say', () => {
    expect(shapes(70_000)).toEqual({ 0: [273, 112], 1: [1, 17], 2: [0, 1] });
    expect(shapes(256)).toEqual({ 0: [1], 1: [0, 1] });
    expect(shapes(0)).toEqual({});
  });

  it('that a larger one has anew are those that changed', () => {
    expect(tilesSince(70_000, 70_000)).toEqual([]);
    expect(tilesSince(70_000, 70_001).map(tilePath)).toEqual(['tile/0/273.p/113']);
    expect(tilesSince(255, 257).map(tilePath)).toEqual(['tile/0/000', 'tile/0/001.p/1', 'tile/1/000.p/1']);
  });

  it('hold the hash of every perfect subtree', () => {
    const leaves = Array.from({ length: 600 }, (_, at) => Buffer.from(`${at}`));
    const bytesOf = ({ level, index, width }: Tile): Buffer => {
      const span = 256 ** Number(level);
      const first = index * 256;
      return Buffer.concat(
        Array.from({ length: width }, (_, at) =>
          naiveRoot(leaves.slice((first + at) * span, (first + at + 1) * span)),
        ),
      );
    };
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 9 }), fc.nat(), (level, seed) => {
        const index = seed % Math.floor(600 / 2 ** level);
        const { tile, first, count } = tileNodeOf({ level, index }, 600);
        const expected = naiveRoot(leaves.slice(index * 2 ** level, (index + 1) * 2 ** level));
        expect(Buffer.from(hashInTile(bytesOf(tile), first, count))).toEqual(expected);
      }),
      { numRuns: 40 },
    );
    expect(() => hashInTile(Buffer.alloc(32), 1, 1)).toThrow('ends before hash 1');
  });
});

describe('entry bundles', () => {
  it('put the length before each entry, the large byte first', () => {
    const bundle = encodeBundle([Buffer.from('ab'), Buffer.alloc(258, 7)]);
    expect(bundle.subarray(0, 6).toString('hex')).toBe('000261620102');
    expect(decodeBundle(bundle).map((entry) => entry.length)).toEqual([2, 258]);
    expect(decodeBundle(encodeBundle([]))).toEqual([]);
  });

  it('are refused where they are cut, and where an entry does not fit', () => {
    const bundle = encodeBundle([Buffer.from('ab')]);
    for (const end of [1, 2, 3]) expect(() => decodeBundle(bundle.subarray(0, end))).toThrow('cut short');
    expect(encodeBundle([Buffer.alloc(65_535)])).toHaveLength(65_537);
    expect(() => encodeBundle([Buffer.alloc(65_536)])).toThrow('too long');
  });
});
