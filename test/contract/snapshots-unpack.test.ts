import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GZIP_LAYER, openUnpacking, ZSTD_LAYER } from '../support/layers.ts';
import { missingHere } from '../support/machine.ts';
import { openFiles } from '../support/open-files.ts';
import { directory, file, hardlink, symlink, type TarMember, tarOf } from '../support/tar.ts';
import { readTree } from '../support/tree.ts';

const missing = missingHere({ root: true, programs: ['igzip', 'zstd'] });

describe.skipIf(missing !== undefined)(
  `unpacking layers${missing === undefined ? '' : ` (${missing})`}`,
  () => {
    let unpacking: ReturnType<typeof openUnpacking>;
    let next = 0;
    const freshId = () => `layer${next++}`;
    beforeAll(() => {
      unpacking = openUnpacking();
    });
    afterAll(() => unpacking.close());

    /** Unpacks as a base layer. */
    const unpack = async (members: readonly TarMember[]) => {
      const id = freshId();
      const applied = await unpacking.apply(id, tarOf(members), { parents: [] });
      return { id, applied, root: unpacking.fsOf(id), tree: readTree(unpacking.fsOf(id)) };
    };
    const over = async (members: readonly TarMember[], parents: readonly string[]) => {
      const id = freshId();
      const applied = await unpacking.apply(id, tarOf(members), { parents: parents as never });
      return { id, applied, tree: readTree(unpacking.fsOf(id)) };
    };
    describe('keeps', () => {
      it('modes, owners, times, links, devices and attributes', async () => {
        const capability = Buffer.from([1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        const { tree } = await unpack([
          directory('d', { mode: 0o2770, uid: 10, gid: 20, pax: { mtime: '1000000000.000000001' } }),
          file('d/suid', 'x', { mode: 0o4755, uid: 33, gid: 44 }),
          file('d/capable', 'content', { uid: 5, pax: { 'SCHILY.xattr.security.capability': capability } }),
          file('d/old', '', { pax: { mtime: '-1.000000001' } }),
          file('d/user', '', { pax: { 'SCHILY.xattr.user.bin': Buffer.from([0, 255, 10, 61]) } }),
          file('bytes-\xff\xfe', 'odd name'),
          symlink('d/link', '/etc/\xff', { uid: 9, pax: { mtime: '5.5' } }),
          hardlink('d/again', 'd/suid', { mode: 0o4755, uid: 33, gid: 44 }),
          { name: 'd/null', flag: '3', mode: 0o666, device: [1, 3] },
          { name: 'd/disk', flag: '4', mode: 0o660, gid: 6, device: [259, 1_048_000] },
          { name: 'd/fifo', flag: '6', mode: 0o1622 },
          directory('sticky', { mode: 0o1777 }),
        ]);
        expect(tree.get('d')).toMatchObject({
          mode: '2770',
          owner: '10:20',
          mtime: 1_000_000_000_000_000_001n,
        });
        expect(tree.get('d/suid')).toMatchObject({
          mode: '4755',
          owner: '33:44',
          links: ['d/again', 'd/suid'],
        });
        expect(tree.get('d/capable')).toMatchObject({
          owner: '5:0',
          xattrs: { 'security.capability': capability.toString('base64') },
        });
        expect(tree.get('d/old')?.mtime).toBe(-1_000_000_001n);
        expect(tree.get('d/user')?.xattrs).toEqual({
          'user.bin': Buffer.from([0, 255, 10, 61]).toString('base64'),
        });
        expect(tree.get('bytes-\xff\xfe')?.sha256).toBe(
          createHash('sha256').update('odd name').digest('hex'),
        );
        expect(tree.get('d/link')).toMatchObject({
          target: '/etc/\xff',
          owner: '9:0',
          mtime: 5_500_000_000n,
        });
        expect(tree.get('d/null')).toMatchObject({ type: 'character', mode: '666', device: '1:3' });
        expect(tree.get('d/disk')).toMatchObject({ type: 'block', owner: '0:6', device: '259:1048000' });
        expect(tree.get('d/fifo')).toMatchObject({ type: 'fifo', mode: '1622' });
        expect(tree.get('sticky')?.mode).toBe('1777');
        expect(tree.get('.')?.mode).toBe('755');
      });

      it('modes under a tight umask', async () => {
        const before = process.umask(0o077);
        try {
          const { tree } = await unpack([directory('d', { mode: 0o777 }), file('d/f', '', { mode: 0o666 })]);
          expect([tree.get('.')?.mode, tree.get('d')?.mode, tree.get('d/f')?.mode]).toEqual([
            '755',
            '777',
            '666',
          ]);
          expect(process.umask()).toBe(0o077);
        } finally {
          process.umask(before);
        }
      });

      it('the working directory and root of the process', async () => {
        await unpack([file('f', '')]);
        expect(readlinkSync('/proc/self/root')).toBe('/');
        expect(existsSync('/proc/self/exe')).toBe(true);
      });

      it('the later of two entries with one name, whatever their types', async () => {
        const { tree, applied } = await unpack([
          directory('a'),
          file('a/inside', 'gone'),
          file('b', 'first'),
          symlink('c', 'b'),
          file('a', 'now a file'),
          directory('b', { mode: 0o700 }),
          file('b/inside', 'kept'),
          file('c', 'now a file, and not b'),
          directory('b', { mode: 0o711 }),
        ]);
        expect([...tree.keys()]).toEqual(['.', 'a', 'b', 'b/inside', 'c']);
        expect(tree.get('a')?.type).toBe('file');
        expect(tree.get('b')).toMatchObject({ type: 'directory', mode: '711' });
        expect(tree.get('c')?.type).toBe('file');
        expect(applied).toMatchObject({ usage: { inodes: 5 } });
      });

      it('count of what du counts', async () => {
        const { root, applied, tree } = await unpack([
          directory('d'),
          ...Array.from({ length: 50 }, (_, index) => file(`d/${index}`, 'x'.repeat(index * 300))),
          file('big', Buffer.alloc(3_000_000, 'y')),
          symlink('long', 'z'.repeat(90)),
          file('attributed', 'x', { pax: { 'SCHILY.xattr.user.big': 'v'.repeat(1000) } }),
          hardlink('d/again', 'd/7'),
        ]);
        const [bytes] = execFileSync('du', ['-s', '-B1', root], { encoding: 'utf8' }).split('\t');
        expect(applied).toMatchObject({ usage: { bytes: Number(bytes), inodes: tree.size - 1 } });
      });
    });

    describe('whiteouts', () => {
      it('hide what lies beneath, and opaque directories all of it', async () => {
        const base = await unpack([
          directory('d'),
          file('d/gone', ''),
          file('d/kept', ''),
          directory('o', { mode: 0o700 }),
          file('o/hidden', ''),
          directory('replaced'),
          file('replaced/hidden', ''),
        ]);
        const top = await over(
          [
            directory('d'),
            file('d/.wh.gone', ''),
            directory('o'),
            file('o/.wh..wh..opq', ''),
            file('o/new', ''),
            file('.wh.replaced', ''),
            directory('replaced'),
            file('replaced/new', ''),
            file('.wh..wh.aufs', ''),
            directory('.wh..wh.plnk'),
            file('.wh..wh.plnk/1.2', ''),
          ],
          [base.id],
        );
        const names = await unpacking.seen([base.id, top.id], (root) => [...readTree(root).keys()]);
        expect(names).toEqual(['.', 'd', 'd/kept', 'o', 'o/new', 'replaced', 'replaced/new']);
      });

      it('leave alone what the same layer has', async () => {
        const base = await unpack([
          directory('d'),
          file('d/f', 'lower'),
          directory('d/s'),
          file('d/s/hidden', ''),
        ]);
        const top = await over(
          [
            directory('d'),
            file('d/f', 'upper'),
            file('d/.wh.f', ''),
            directory('d/s'),
            file('d/s/new', ''),
            file('d/.wh.s', ''),
          ],
          [base.id],
        );
        const names = await unpacking.seen([base.id, top.id], (root) => [...readTree(root).keys()]);
        expect(names).toEqual(['.', 'd', 'd/f', 'd/s', 'd/s/new']);
      });

      it('mean nothing in a base layer', async () => {
        const { tree } = await unpack([file('.wh.x', ''), directory('d'), file('d/.wh..wh..opq', '')]);
        expect([...tree.keys()]).toEqual(['.', 'd']);
        expect(tree.get('d')?.xattrs).toEqual({});
      });
    });

    describe('what lies in layers beneath', () => {
      const lower = [
        directory('a', {
          mode: 0o750,
          uid: 3,
          gid: 4,
          pax: { mtime: '123.000000456', 'SCHILY.xattr.user.x': 'y' },
        }),
        directory('a/b', { mode: 0o2711 }),
        file('a/b/target', 'linked', { mode: 0o4711, uid: 8, pax: { mtime: '7.7' } }),
        symlink('lib', 'a/b'),
      ];

      it('is asked for where it is not known yet, and nothing is kept', async () => {
        const id = freshId();
        const bytes = tarOf([directory('x'), file('x/f', ''), file('a/b/new', '')]);
        expect(await unpacking.apply(id, bytes)).toEqual({ needsParents: true });
        expect(readdirSync(unpacking.fsOf(id))).toEqual([]);
      });

      it('is not asked for by a layer that is whole', async () => {
        const id = freshId();
        const bytes = tarOf([directory('x'), symlink('y', 'x'), file('y/f', ''), hardlink('x/g', 'y/f')]);
        expect(await unpacking.apply(id, bytes)).toMatchObject({ size: bytes.length });
        expect(readdirSync(join(unpacking.fsOf(id), 'x')).sort()).toEqual(['f', 'g']);
      });

      it('gives missing directories their metadata', async () => {
        const base = await unpack(lower);
        const middle = await over([directory('other')], [base.id]);
        const { tree } = await over([file('a/b/new', ''), file('nowhere/f', '')], [middle.id, base.id]);
        expect(tree.get('a')).toMatchObject({
          mode: '750',
          owner: '3:4',
          mtime: 123_000_000_456n,
          xattrs: { 'user.x': 'eQ==' },
        });
        expect(tree.get('a/b')?.mode).toBe('2711');
        expect(tree.get('nowhere')).toMatchObject({ mode: '755', owner: '0:0' });
      });

      it('gives hard links their target', async () => {
        const base = await unpack(lower);
        const { tree } = await over(
          [hardlink('again', 'a/b/target', { mode: 0o4711, uid: 8, pax: { mtime: '7.7' } })],
          [base.id],
        );
        expect(tree.get('again')).toMatchObject({
          links: ['a/b/target', 'again'],
          mode: '4711',
          owner: '8:0',
          mtime: 7_700_000_000n,
        });
        expect(tree.get('a')?.mode).toBe('750');
      });

      it('can not give a link what no layer has', async () => {
        const base = await unpack(lower);
        await expect(over([hardlink('again', 'a/none')], [base.id])).rejects.toMatchObject({
          code: 'failed-precondition',
        });
      });
    });

    it('gives the digest of the uncompressed bytes, however they are stored', async () => {
      const bytes = tarOf([directory('d'), file('d/f', Buffer.alloc(500_000, 'hello'))]);
      const diffId = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
      const zstd = execFileSync('zstd', ['-c'], { input: bytes });
      const members = Buffer.concat([
        gzipSync(bytes.subarray(0, 100_000)),
        gzipSync(bytes.subarray(100_000)),
      ]);
      const plain = openUnpacking({ nativeDecompressors: false });
      try {
        const results = [
          await unpacking.apply(freshId(), bytes),
          await unpacking.apply(freshId(), gzipSync(bytes), { mediaType: GZIP_LAYER }),
          await unpacking.apply(freshId(), members, { mediaType: GZIP_LAYER }),
          await unpacking.apply(freshId(), zstd, { mediaType: ZSTD_LAYER }),
          await plain.apply('a', gzipSync(bytes), { mediaType: GZIP_LAYER }),
          await plain.apply('b', members, { mediaType: GZIP_LAYER }),
        ];
        for (const result of results) expect(result).toMatchObject({ diffId, size: bytes.length });
      } finally {
        await plain.close();
      }
    });

    describe('from zstd', () => {
      const packed = (bytes: Buffer) => execFileSync('zstd', ['-c'], { input: bytes, maxBuffer: 2 ** 24 });
      const bytes = tarOf([file('f', Buffer.alloc(256 * 1024 * 3 - 512 * 3, 'hello'))]);
      const skippable = Buffer.concat([Buffer.from('502a4d1803000000', 'hex'), Buffer.from('any')]);

      it.each([
        ['one frame whose bytes fill every buffer', () => packed(bytes)],
        [
          'several frames',
          () => Buffer.concat([packed(bytes.subarray(0, 1000)), packed(bytes.subarray(1000))]),
        ],
        ['frames to be passed over', () => Buffer.concat([skippable, packed(bytes), skippable])],
      ])('takes %s', async (_, zstd) => {
        expect(bytes.length).toBe(256 * 1024 * 3);
        const applied = await unpacking.apply(freshId(), zstd(), { mediaType: ZSTD_LAYER });
        expect(applied).toMatchObject({ size: bytes.length });
      });

      it.each([
        ['that is cut off', () => packed(bytes).subarray(0, -5)],
        ['with other bytes behind it', () => Buffer.concat([packed(bytes), Buffer.from('more')])],
        [
          'whose checksum is another',
          () => Buffer.concat([packed(bytes).subarray(0, -4), Buffer.from('none')]),
        ],
      ])('refuses one %s', async (_, zstd) => {
        await expect(unpacking.apply(freshId(), zstd(), { mediaType: ZSTD_LAYER })).rejects.toMatchObject({
          code: 'failed-precondition',
          message: expect.stringContaining('the compressed stream is corrupt'),
        });
      });
    });

    it('stops soon when it is cancelled, also while it waits for a thread', async () => {
      const bytes = gzipSync(tarOf([file('f', Buffer.alloc(300_000_000))]), { level: 1 });
      const single = openUnpacking({ workers: 1 });
      try {
        const abort = new AbortController();
        const runs = ['a', 'b', 'c'].map((id) =>
          single.apply(id, bytes, { mediaType: GZIP_LAYER, signal: abort.signal }),
        );
        setTimeout(() => abort.abort(), 60);
        const started = performance.now();
        for (const run of await Promise.allSettled(runs))
          expect(run).toMatchObject({ reason: { code: 'cancelled' } });
        expect(performance.now() - started).toBeLessThan(4000);
        await expect(
          single.apply('d', bytes, { mediaType: GZIP_LAYER, signal: abort.signal }),
        ).rejects.toMatchObject({ code: 'cancelled' });
        expect(await single.apply('e', tarOf([file('f', '')]))).toMatchObject({ size: 2048 - 512 });
      } finally {
        await single.close();
      }
    });

    it('tells how far it is, no more than ten times a second', async () => {
      const bytes = tarOf([file('f', Buffer.alloc(50_000_000, 'abcdefg'))]);
      const told: number[] = [];
      const started = performance.now();
      await unpacking.apply(freshId(), bytes, { progress: (bytesRead) => told.push(bytesRead) });
      expect(told.at(-1)).toBe(bytes.length);
      expect(told.length).toBeLessThanOrEqual((performance.now() - started) / 100 + 1);
    });

    it('leaves no open files, threads or children behind', async () => {
      const layers = (bytes: (index: number) => Buffer) =>
        Promise.allSettled(
          Array.from({ length: 20 }, (_, index) =>
            unpacking.apply(freshId(), bytes(index), { mediaType: GZIP_LAYER }),
          ),
        );
      const mixed = (index: number) =>
        [gzipSync(tarOf([file('f', 'x')])), Buffer.from('junk'.repeat(500))][index % 2] ?? Buffer.alloc(0);
      await layers(mixed); // starts every thread that there will be
      const before = openFiles();
      await layers(mixed);
      await layers((index) => gzipSync(tarOf([file('../x', '')])).subarray(0, 100 + index));
      const closing = openUnpacking();
      await closing.apply('a', tarOf([file('f', '')]));
      await closing.applier.close();
      await expect(closing.apply('b', tarOf([]))).rejects.toMatchObject({ code: 'unavailable' });
      await closing.close();
      expect(openFiles()).toEqual(before);
      expect(readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8').trim()).toBe('');
    });
  },
);
