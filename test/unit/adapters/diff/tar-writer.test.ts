import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  archiveEnd,
  headerOf,
  paddingAfter,
  type TarHeader,
} from '../../../../src/adapters/diff/tar-writer.ts';
import type { TarEntry } from '../../../../src/adapters/unpack/entry.ts';
import { TarParser } from '../../../../src/adapters/unpack/tar-parser.ts';

const plain: TarHeader = {
  ...{ name: 'a', type: 'file', mode: 0o644, uid: 0, gid: 0, size: 0, linkName: '', xattrs: [] },
  ...{ mtime: { seconds: 1, nanoseconds: 0 }, deviceMajor: 0, deviceMinor: 0 },
};

const readBack = (bytes: Buffer): readonly TarEntry[] => {
  const entries: TarEntry[] = [];
  const parser = new TarParser({
    entry: (entry) => entries.push(entry),
    data: () => undefined,
    end: () => undefined,
  });
  parser.push(bytes);
  parser.finish();
  return entries;
};

/** A name of bytes, one character each. */
const name = fc
  .uint8Array({ minLength: 1, maxLength: 300 })
  .map((bytes) => Buffer.from(bytes.map((byte) => byte || 1)).toString('latin1'));
const header = fc.record<TarHeader>({
  name,
  type: fc.constantFrom('symlink', 'character', 'block', 'fifo', 'hardlink'),
  mode: fc.nat(0o7777),
  uid: fc.nat(0xffff_fffe),
  gid: fc.nat(0xffff_fffe),
  size: fc.constant(0),
  mtime: fc.record({
    seconds: fc.integer({ min: -(2 ** 40), max: 2 ** 40 }),
    nanoseconds: fc.nat(999_999_999),
  }),
  linkName: name,
  deviceMajor: fc.nat(0xfff),
  deviceMinor: fc.nat(0xfffff),
  xattrs: fc
    .array(
      fc.record({
        name: fc.constantFrom('user.a', 'security.capability'),
        value: fc.uint8Array({ maxLength: 80 }),
      }),
    )
    .map((all) => [
      ...new Map(all.map((one) => [one.name, { name: one.name, value: Buffer.from(one.value) }])).values(),
    ])
    .map((all) => all.sort((a, b) => (a.name < b.name ? -1 : 1))),
});

describe('a header of a tar archive', () => {
  it('is a single block where that holds all', () => {
    expect(headerOf(plain).length).toBe(512);
    expect(headerOf({ ...plain, name: 'x'.repeat(100), uid: 0o7777777 }).length).toBe(512);
  });

  it('has records before it for what a block can not hold', () => {
    const long = headerOf({ ...plain, name: 'x'.repeat(101) });
    expect(long.length).toBe(3 * 512);
    expect(long.toString('latin1', 512, 1024)).toContain(`path=${'x'.repeat(101)}\n`);
    const before = headerOf({ ...plain, mtime: { seconds: -2, nanoseconds: 500_000_000 } });
    expect(before.toString('latin1', 512, 540)).toContain('mtime=-1.5\n');
  });

  it('is read back as it was written, whatever it holds', () => {
    fc.assert(
      fc.property(fc.array(header, { maxLength: 5 }), (headers) => {
        const bytes = Buffer.concat([...headers.map(headerOf), archiveEnd]);
        expect(bytes.length % 512).toBe(0);
        expect(readBack(bytes)).toEqual(headers);
      }),
      { numRuns: 100 },
    );
  });

  it('tells large sizes, whose content is padded to whole blocks', () => {
    const large = { ...plain, size: 2 ** 40 };
    expect(headerOf(large).toString('latin1', 512, 1024)).toContain(`size=${2 ** 40}\n`);
    expect([0, 1, 511, 512, 513].map((size) => paddingAfter(size).length)).toEqual([0, 511, 1, 0, 511]);
  });
});
