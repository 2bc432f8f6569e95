import { describe, expect, it } from 'vitest';
import {
  addKey,
  bloomKey,
  cellHas,
  decodeBloomsHeader,
  decodeColumns,
  emptyCells,
  encodeBlooms,
  rowHolds,
  rowPlace,
} from '../../../../../src/adapters/log-file/index/bloom-format.ts';

const logId = 'ab'.repeat(16);
/** As many as 64 MiB of events have. */
const TERMS = 90_000;

const columnWith = (base: number, terms: readonly string[]) => {
  const cells = emptyCells();
  for (const term of terms) addKey(cells, bloomKey('subject', term));
  return { base, segmentBytes: base + 1000, cells };
};

const namesOf = (kind: string, count: number): readonly string[] =>
  Array.from({ length: count }, (_, number) => `container/default/${kind}${number}`);

const had = (file: Buffer, column: number, term: string): boolean => {
  const header = decodeBloomsHeader(file);
  if (header === undefined) throw new Error('the header fails its checksum');
  const key = bloomKey('subject', term);
  const { at, bytes } = rowPlace(header, key.row);
  const row = file.subarray(at, at + bytes);
  if (!rowHolds(row)) throw new Error('the row fails its checksum');
  return cellHas(row, column, key);
};

describe('filters over segments, side by side', () => {
  const names = [namesOf('a', 50), namesOf('b', 1), []];
  const file = encodeBlooms(
    logId,
    names.map((some, number) => columnWith(number * 100, some)),
  );

  it('tell what they are of', () => {
    expect(decodeBloomsHeader(file)).toEqual({
      logId,
      columns: [0, 100, 200].map((base) => ({ base, segmentBytes: base + 1000 })),
    });
  });

  it('have every term of their segment', () => {
    for (const [column, some] of names.entries()) {
      for (const name of some) expect(had(file, column, name)).toBe(true);
    }
  });

  it('of few terms have no other', () => {
    for (const name of namesOf('other', 300))
      expect([1, 2].map((column) => had(file, column, name))).toEqual([false, false]);
  });

  it('of a full segment have one in fifty of others at most', () => {
    const full = encodeBlooms(logId, [columnWith(0, namesOf('a', TERMS))]);
    const wrong = namesOf('other', 5000).filter((name) => had(full, 0, name));
    expect(wrong.length).toBeLessThan(100);
  });

  it('are read back as they were', () => {
    const columns = decodeColumns(file);
    for (const [number, some] of names.entries()) {
      const { cells, ...rest } = columnWith(number * 100, some);
      expect(columns?.[number]).toMatchObject(rest);
      expect(columns?.[number]?.cells.equals(cells)).toBe(true);
    }
  });

  it('are not read back where a byte of them has changed, or the end is missing', () => {
    for (const at of [0, 9, 20, 40, 1056, file.length - 1, file.length - 200]) {
      const damaged = Buffer.from(file);
      damaged[at] = (damaged[at] ?? 0) ^ 0x15;
      expect(decodeColumns(damaged), `byte ${at}`).toBeUndefined();
    }
    expect(decodeColumns(file.subarray(0, -1))).toBeUndefined();
  });
});
