import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { pack } from 'tar-stream';
import { describe, expect, it } from 'vitest';
import type { TarEntry } from '../../../../src/adapters/unpack/entry.ts';
import { LayerError } from '../../../../src/adapters/unpack/layer-error.ts';
import { TarParser } from '../../../../src/adapters/unpack/tar-parser.ts';
import { file, paxRecord, type TarMember, tarEnd, tarMember, tarOf } from '../../../support/tar.ts';
import { makeTempDir } from '../../../support/temp-dir.ts';

type Read = TarEntry & { readonly content: string };

/** Parses an archive that arrives in pieces of `step` bytes. */
const read = (archive: Buffer, step = archive.length): Read[] => {
  const found: (TarEntry & { parts: Buffer[] })[] = [];
  const parser = new TarParser({
    entry: (entry) => found.push({ ...entry, parts: [] }),
    data: (bytes) => found.at(-1)?.parts.push(Buffer.from(bytes)),
    end: () => undefined,
  });
  for (let at = 0; at < archive.length; at += step) parser.push(archive.subarray(at, at + step));
  parser.finish();
  return found.map(({ parts, ...entry }) => ({ ...entry, content: Buffer.concat(parts).toString('latin1') }));
};

const one = (member: TarMember) => read(tarOf([member]))[0];

const packed = async (entries: readonly { name: string; content: string }[]): Promise<Buffer> => {
  const archive = pack();
  for (const { name, content } of entries) archive.entry({ name }, content);
  archive.finalize();
  const parts: Buffer[] = [];
  for await (const part of archive) parts.push(Buffer.from(part as Uint8Array));
  return Buffer.concat(parts);
};

describe('the tar parser', () => {
  it('reads what tar-stream writes, in whatever pieces it comes', async () => {
    const name = fc.stringMatching(/^[a-zA-Zäß0-9_]{1,40}(?:\/[a-z]{1,120}){0,3}$/);
    const members = fc.array(fc.record({ name, content: fc.string({ maxLength: 2000, unit: 'grapheme' }) }), {
      maxLength: 5,
    });
    await fc.assert(
      fc.asyncProperty(members, fc.integer({ min: 1, max: 3000 }), async (entries, step) => {
        const found = read(await packed(entries), step);
        expect(found.map((entry) => [entry.name, entry.content])).toEqual(
          entries.map((entry) => [
            Buffer.from(entry.name).toString('latin1'),
            Buffer.from(entry.content).toString('latin1'),
          ]),
        );
      }),
      { numRuns: 150 },
    );
  });

  it('reads what it is given by hand, whole or byte by byte', () => {
    const value = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes));
    fc.assert(
      fc.property(
        fc.record({
          name: fc.stringMatching(/^[a-z\xff]{1,90}$/),
          content: value,
          mode: fc.integer({ min: 0, max: 0o7777 }),
          uid: fc.integer({ min: 0, max: 0xffff_fffe }),
          gid: fc.integer({ min: 0, max: 0xffff_fffe }),
          mtime: fc.integer({ min: -(2 ** 40), max: 2 ** 40 }),
        }),
        value,
        (member, xattr) => {
          const archive = tarOf([{ ...member, pax: { 'SCHILY.xattr.user.x': xattr } }]);
          const expected = {
            ...member,
            type: 'file',
            size: member.content.length,
            content: member.content.toString('latin1'),
            mtime: { seconds: member.mtime, nanoseconds: 0 },
            xattrs: [{ name: 'user.x', value: xattr }],
          };
          expect(read(archive)).toEqual([expect.objectContaining(expected)]);
          expect(read(archive, 1)).toEqual(read(archive));
        },
      ),
      { numRuns: 60 },
    );
  });

  it.each(['posix', 'gnu', 'ustar', 'v7', 'oldgnu'])('reads what GNU tar writes as %s', (format) => {
    const dir = makeTempDir('gnutar');
    try {
      const long = format === 'ustar' || format === 'v7' || format === 'oldgnu' ? 'short' : 'n'.repeat(200);
      execFileSync(
        'sh',
        ['-c', `mkdir d && echo hello > d/${long} && ln -s ${long} d/l && touch -d @1000000000 d/${long}`],
        {
          cwd: dir.path,
        },
      );
      const archive = execFileSync('tar', [`--format=${format}`, '--owner=7', '--group=8', '-cf', '-', 'd'], {
        cwd: dir.path,
      });
      const found = read(archive, 777).sort((a, b) => (a.name < b.name ? -1 : 1));
      expect(found.map((entry) => [entry.name, entry.type])).toEqual([
        ['d/', 'directory'],
        ['d/l', 'symlink'],
        [`d/${long}`, 'file'],
      ]);
      expect(found[2]).toMatchObject({
        uid: 7,
        gid: 8,
        content: 'hello\n',
        mtime: { seconds: 1_000_000_000, nanoseconds: 0 },
      });
      expect(found[1]).toMatchObject({ linkName: long });
    } finally {
      dir.remove();
    }
  });

  it.each([
    ['1700000000.123456789', { seconds: 1_700_000_000, nanoseconds: 123_456_789 }],
    ['1700000000.5', { seconds: 1_700_000_000, nanoseconds: 500_000_000 }],
    ['-1.25', { seconds: -2, nanoseconds: 750_000_000 }],
    ['-86400', { seconds: -86_400, nanoseconds: 0 }],
    ['0.1234567899', { seconds: 0, nanoseconds: 123_456_789 }],
  ])('reads the time %s', (text, time) => {
    expect(one(file('f', '', { pax: { mtime: text } }))?.mtime).toEqual(time);
  });

  it('lays pax records over the header, and takes empty ones as not there', () => {
    const pax = { path: 'long/name', linkpath: 'there', uid: '4000000000', gid: '', size: '' };
    expect(one({ name: 'x', flag: '2', gid: 5, pax })).toMatchObject({
      name: 'long/name',
      linkName: 'there',
      uid: 4_000_000_000,
      gid: 5,
    });
  });

  it('passes over global headers, as containerd does', () => {
    const global = { name: 'g', flag: 'g', content: paxRecord('uid', '77') };
    expect(read(tarOf([global, file('f', 'x')]))).toMatchObject([{ name: 'f', uid: 0 }]);
  });

  it('takes an archive without an end, and ignores what follows one', () => {
    expect(read(tarMember(file('f', 'x')))).toHaveLength(1);
    expect(read(Buffer.alloc(0))).toEqual([]);
    expect(read(Buffer.concat([tarOf([file('f', 'x')]), Buffer.from('garbage'.repeat(200))]))).toHaveLength(
      1,
    );
  });

  const spoiled = (member: TarMember, offset: number): Buffer => {
    const archive = tarOf([member]);
    archive[offset] = (archive[offset] ?? 0) ^ 0x41;
    return archive;
  };
  it.each<[string, Buffer, RegExp]>([
    ['a wrong checksum', spoiled(file('f', ''), 3), /checksum/],
    ['a negative size', tarOf([file('f', '', { size: -5 })]), /negative size/],
    ['a negative pax size', tarOf([file('f', '', { pax: { size: '-1' } })]), /negative size/],
    ['an owner over 32 bits', tarOf([file('f', '', { pax: { uid: '4294967296' } })]), /owner/],
    [
      'a size beyond counting',
      tarOf([file('f', '', { pax: { size: '99999999999999999999' } })]),
      /whole number/,
    ],
    ['a huge pax header', tarOf([{ name: 'x', flag: 'x', size: 1024 * 1024 + 1 }]), /over the limit/],
    ['a huge long name', tarOf([{ name: 'x', flag: 'L', size: 2 ** 40 }]), /over the limit/],
    ['a negative long name', tarOf([{ name: 'x', flag: 'L', size: -1 }]), /over the limit/],
    [
      'a pax record that lies about its length',
      tarOf([{ name: 'x', flag: 'x', content: '99 path=a\n' }]),
      /longer or shorter/,
    ],
    ['a pax record without length', tarOf([{ name: 'x', flag: 'x', content: 'path=a\n' }]), /length/],
    ['a NUL in a pax name', tarOf([file('f', '', { pax: { path: 'a\0b' } })]), /NUL/],
    ['a GNU sparse file', tarOf([{ name: 'f', flag: 'S' }]), /sparse/],
    ['a pax sparse file', tarOf([file('f', '', { pax: { 'GNU.sparse.major': '1' } })]), /sparse/],
    ['an unknown type', tarOf([{ name: 'f', flag: 'Z' }]), /unknown type/],
    ['a cut in the content', tarMember(file('f', 'x'.repeat(600))).subarray(0, 700), /middle/],
    ['a cut in the header', tarMember(file('f', '')).subarray(0, 100), /middle/],
    [
      'an end after an extended header',
      Buffer.concat([tarMember({ name: 'x', flag: 'x', content: paxRecord('path', 'a') }), tarEnd]),
      /ends after/,
    ],
    [
      'an extended header and nothing',
      tarMember({ name: 'x', flag: 'x', content: paxRecord('path', 'a') }),
      /middle/,
    ],
    ['a lone zero block', Buffer.concat([Buffer.alloc(512), tarOf([file('f', '')])]), /zero block/],
    ['no number where one must be', spoiled(file('f', ''), 125), /checksum|octal/],
  ])('refuses %s', (_, archive, words) => {
    expect(() => read(archive)).toThrow(LayerError);
    expect(() => read(archive)).toThrow(words);
  });

  it('never fails in another way than by a LayerError', () => {
    const good = tarOf([
      file('a', 'x'.repeat(700), { pax: { mtime: '1.5' } }),
      { name: 'b', flag: '2', link: 'c' },
    ]);
    fc.assert(
      fc.property(
        fc.nat(good.length - 1),
        fc.nat(255),
        fc.integer({ min: 1, max: 600 }),
        (offset, byte, step) => {
          const archive = Buffer.from(good);
          archive[offset] = byte;
          try {
            read(archive, step);
          } catch (error) {
            expect(error).toBeInstanceOf(LayerError);
          }
        },
      ),
      { numRuns: 1000 },
    );
  });
});
