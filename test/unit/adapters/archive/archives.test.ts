import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { createArchives } from '../../../../src/adapters/archive/archives.ts';
import { entryPath, linkTarget } from '../../../../src/adapters/archive/names.ts';
import { DiffId } from '../../../../src/domain/identity.ts';
import { Rejection } from '../../../../src/domain/rejection.ts';
import type { ArchiveFile, OpenArchive } from '../../../../src/engine/ports/archive.ts';
import { directory, file, hardlink, symlink, tarMember, tarOf } from '../../../support/tar.ts';

const archives = createArchives();

async function* inPieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}
const gather = async (source: AsyncIterable<Uint8Array>): Promise<Buffer> => {
  const chunks: Uint8Array[] = [];
  for await (const chunk of source) chunks.push(chunk);
  return Buffer.concat(chunks);
};
/** Every entry, with the text of each file that `wanted` wants. */
const readAll = async (archive: OpenArchive, wanted: (path: string) => boolean = () => true) => {
  const seen: unknown[] = [];
  for (let entry = await archive.next(); entry; entry = await archive.next()) {
    if (entry.kind === 'link') seen.push(`${entry.path} -> ${entry.target}`);
    else if (wanted(entry.path)) seen.push([entry.path, (await gather(archive.bytes())).toString()]);
    else seen.push(entry.path);
  }
  return seen;
};

describe('reading', () => {
  const members = [
    directory('a/'),
    file('./a/one', 'first'),
    file('a/none', ''),
    symlink('a/two', '../b/two'),
    hardlink('c', 'a/one'),
    file('pax', 'third', { pax: { path: `deep/${'x'.repeat(200)}` } }),
  ];
  const expected = [
    ['a/one', 'first'],
    ['a/none', ''],
    'a/two -> b/two',
    'c -> a/one',
    [`deep/${'x'.repeat(200)}`, 'third'],
  ];

  it.each([1, 7, 511, 512, 100_000])(
    'gives files and links in order, in pieces of %i bytes',
    async (size) => {
      expect(await readAll(archives.open(inPieces(tarOf(members), size)))).toEqual(expected);
    },
  );

  it('reads gzip, also of several members', async () => {
    const tar = tarOf(members);
    const twice = Buffer.concat([gzipSync(tar.subarray(0, 700)), gzipSync(tar.subarray(700))]);
    for (const bytes of [gzipSync(tar), twice]) {
      expect(await readAll(archives.open(inPieces(bytes, 100)))).toEqual(expected);
    }
  });

  it('goes past files that nobody reads, and past what is left of one', async () => {
    const big = Buffer.alloc(400_000, 'x');
    const tar = tarOf([file('unread', big), file('begun', big), file('last', 'end')]);
    const archive = archives.open(inPieces(tar, 50_000));
    expect(await readAll(archive, (path) => path === 'last')).toEqual(['unread', 'begun', ['last', 'end']]);
  });

  it('takes no more from its source than somebody reads', async () => {
    let taken = 0;
    const tar = tarOf([file('big', Buffer.alloc(8_000_000, 'x'))]);
    const counted = async function* () {
      for await (const piece of inPieces(tar, 64_000)) {
        taken += piece.length;
        yield piece;
      }
    };
    const archive = archives.open(counted());
    await archive.next();
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(taken).toBeLessThan(1_000_000);
    expect((await gather(archive.bytes())).length).toBe(8_000_000);
    expect(await archive.next()).toBeUndefined();
  });

  it('keeps to its limits', async () => {
    const small = createArchives({ entries: 3, fileBytes: 1000, totalBytes: 10_000 });
    const code = 'resource-exhausted';
    const many = tarOf([1, 2, 3, 4].map((n) => file(`${n}`, '')));
    const folders = tarOf([1, 2, 3, 4].map((n) => directory(`${n}/`)));
    const large = tarOf([file('large', 'x'.repeat(1001))]);
    const bomb = gzipSync(tarOf([1, 2, 3].map(() => file('f', 'x'.repeat(1000)))).subarray(0, 4000));
    const padded = Buffer.concat([bomb, gzipSync(Buffer.alloc(1_000_000))]);
    for (const bytes of [many, folders, large, padded]) {
      await expect(readAll(small.open(inPieces(bytes, 100)))).rejects.toMatchObject({ code });
    }
    const header = tarMember({ name: 'pax', flag: 'x', size: 5_000_000 });
    await expect(readAll(archives.open(inPieces(header, 512)))).rejects.toMatchObject({
      code: 'failed-precondition',
    });
  });

  it('fails with what its source failed with, or what it was closed with', async () => {
    const down = new Rejection('unavailable', 'the pipe broke');
    const broken = async function* () {
      yield tarOf(members).subarray(0, 600);
      throw down;
    };
    await expect(readAll(archives.open(broken()))).rejects.toBe(down);
    const silent = async function* (): AsyncGenerator<Uint8Array> {
      await new Promise(() => undefined);
    };
    const archive = archives.open(silent());
    const next = archive.next();
    archive.close(new Rejection('cancelled', 'gone'));
    await expect(next).rejects.toMatchObject({ code: 'cancelled' });
    await expect(archive.next()).rejects.toMatchObject({ code: 'cancelled' });
  });
});

describe('names within an archive', () => {
  it.each([
    ['./a//b/', 'a/b'],
    ['a', 'a'],
    ['a/./b', 'a/b'],
    ['a/..b', 'a/..b'],
  ])('%s is %s', (given, path) => {
    expect(entryPath(given)).toBe(path);
  });

  it.each(['/a', '../a', 'a/../b', 'a/..', 'a\0b', 'x'.repeat(1025)])('%j is refused', (given) => {
    expect(() => entryPath(given)).toThrow(Rejection);
  });

  it.each([
    ['a/b', '../c', 'symlink', 'c'],
    ['a/b', 'c', 'symlink', 'a/c'],
    ['a/b', 'c', 'link', 'c'],
    ['a/b', './c/./d', 'link', 'c/d'],
  ] as const)('%s, linked to %s as a %s, is %s', (path, target, kind, whole) => {
    expect(linkTarget(path, target, kind)).toBe(whole);
  });

  it.each([
    ['a/b', '../../c', 'symlink'],
    ['a/b', '../c', 'link'],
    ['a/b', '..', 'link'],
    ['a/b', '/c', 'symlink'],
    ['a/b', '', 'link'],
  ] as const)('%s, linked to %s as a %s, is refused', (path, target, kind) => {
    expect(() => linkTarget(path, target, kind)).toThrow(Rejection);
  });
});

describe('writing', () => {
  const text = (path: string, content: string): ArchiveFile => ({
    path,
    size: Buffer.byteLength(content),
    open: () => inPieces(Buffer.from(content), 3),
  });
  const diffIdOf = (bytes: Uint8Array) =>
    DiffId.parse(`sha256:${createHash('sha256').update(bytes).digest('hex')}`);

  it('gives back what it was given, in order, with its folders, the same every time', async () => {
    const files = [text('z', 'last'), text('b/c/one', 'first'), text('b/two', ''), text('a', '')];
    const [once, again] = [await gather(archives.write(files)), await gather(archives.write(files))];
    expect(once.equals(again)).toBe(true);
    expect(await readAll(archives.open(inPieces(once, 512)))).toEqual([
      ['z', 'last'],
      ['b/c/one', 'first'],
      ['b/two', ''],
      ['a', ''],
    ]);
    const names = [0, 1, 2, 3, 4].map((n) =>
      once.toString('latin1', n * 512, n * 512 + 6).replace(/\0.*/, ''),
    );
    expect(names).toEqual(['z', 'last', 'b/', 'b/c/', 'b/c/on']);
  });

  it.each([
    ['plain', (tar: Buffer) => tar],
    ['gzip', (tar: Buffer) => gzipSync(tar)],
  ])('writes a %s layer uncompressed', async (_, packed) => {
    const layer = tarOf([file('motd', 'x'.repeat(100_000))]);
    const open = () => inPieces(packed(layer), 1000);
    const out = await gather(archives.write([{ path: 'l/layer.tar', diffId: diffIdOf(layer), open }]));
    const archive = archives.open(inPieces(out, 5000));
    await archive.next();
    expect((await gather(archive.bytes())).equals(layer)).toBe(true);
  });

  it('refuses a layer that is not what it should be, and a file that is longer or shorter', async () => {
    const open = () => inPieces(Buffer.from('something else'), 100);
    const wrong = { path: 'l/layer.tar', diffId: diffIdOf(Buffer.from('layer')), open };
    await expect(gather(archives.write([wrong]))).rejects.toMatchObject({
      code: 'failed-precondition',
      message: expect.stringMatching(/does not unpack to sha256:/),
    });
    for (const size of [13, 15]) {
      await expect(gather(archives.write([{ path: 'f', size, open }]))).rejects.toMatchObject({
        code: 'data-loss',
        message: expect.stringMatching(/^'f' was to have 1[35] bytes, but (?:more|14 bytes) came$/),
      });
    }
  });

  it('fails with what a source fails with', async () => {
    const down = new Rejection('data-loss', 'the disk is gone');
    const open = async function* (): AsyncGenerator<Uint8Array> {
      yield Buffer.alloc(100);
      throw down;
    };
    await expect(gather(archives.write([{ path: 'f', size: 1000, open }]))).rejects.toBe(down);
  });

  it('reads no faster than it is read, and stops when its reader does', async () => {
    let given = 0;
    let closed = false;
    const open = async function* (): AsyncGenerator<Uint8Array> {
      try {
        for (; given < 100; given += 1) yield Buffer.alloc(100_000);
      } finally {
        closed = true;
      }
    };
    const reader = archives.write([{ path: 'f', size: 10_000_000, open }])[Symbol.asyncIterator]();
    await reader.next();
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(given).toBeLessThan(10);
    await reader.return?.();
    expect(closed).toBe(true);
  });
});
