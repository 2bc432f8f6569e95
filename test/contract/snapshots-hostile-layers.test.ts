import { execFileSync } from 'node:child_process';
import { existsSync, lstatSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { getXattr } from '../../src/adapters/syscalls/xattr.ts';
import { SnapshotId } from '../../src/domain/identity.ts';
import { GZIP_LAYER, openUnpacking } from '../support/layers.ts';
import { missingHere } from '../support/machine.ts';
import { directory, file, hardlink, symlink, type TarMember, tarOf } from '../support/tar.ts';
import { readTree } from '../support/tree.ts';

const missing = missingHere({ root: true, programs: ['igzip'] });

describe.skipIf(missing !== undefined)(
  `hostile and broken layers${missing === undefined ? '' : ` (${missing})`}`,
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
      await unpacking.apply(id, tarOf(members), { parents: [] });
      return { root: unpacking.fsOf(id), tree: readTree(unpacking.fsOf(id)) };
    };
    const refused = async (members: readonly TarMember[]) => {
      const id = freshId();
      await expect(unpacking.apply(id, tarOf(members), { parents: [] })).rejects.toMatchObject({
        code: 'failed-precondition',
      });
      return unpacking.fsOf(id);
    };

    describe('a hostile layer can not', () => {
      const secret = () => {
        const path = join(unpacking.path, `secret${next++}`);
        writeFileSync(path, 'untouched');
        return path;
      };

      it.each(['../escape', 'a/../../escape', '/../escape', '..', 'd/../..'])(
        'leave by the name %s',
        async (name) => {
          await refused([directory('d'), file(name, 'x')]);
          expect(existsSync(join(unpacking.directory, 'snapshots', 'escape'))).toBe(false);
        },
      );

      it('leave by an absolute name', async () => {
        const { tree } = await unpack([file('/absolute', 'x'), file('/etc/shiplog-escape', 'x')]);
        expect([...tree.keys()]).toEqual(['.', 'absolute', 'etc', 'etc/shiplog-escape']);
        expect(existsSync('/etc/shiplog-escape')).toBe(false);
      });

      it('leave through an absolute symlink', async () => {
        const outside = secret();
        const { tree } = await unpack([
          symlink('out', unpacking.path),
          file(`out/${outside.split('/').at(-1)}`, 'overwritten'),
        ]);
        expect(readFileSync(outside, 'utf8')).toBe('untouched');
        expect([...tree.keys()].some((name) => name.startsWith(unpacking.path.slice(1)))).toBe(true);
      });

      it('leave through a symlink that climbs, or a chain of them', async () => {
        const { tree } = await unpack([
          directory('d'),
          symlink('d/up', '../../../..'),
          symlink('chain', 'd/up/..'),
          file('d/up/one', 'x'),
          file('chain/two', 'x'),
        ]);
        expect([...tree.keys()]).toEqual(['.', 'chain', 'd', 'd/up', 'one', 'two']);
      });

      it('follow symlinks for ever', async () => {
        await refused([symlink('a', 'b'), symlink('b', 'a'), file('a/f', 'x')]);
      });

      it('write through a symlink of the same name', async () => {
        const outside = secret();
        const { tree } = await unpack([symlink('f', outside), file('f', 'mine')]);
        expect(tree.get('f')?.type).toBe('file');
        expect(readFileSync(outside, 'utf8')).toBe('untouched');
      });

      it('change the mode or owner of what a symlink points at', async () => {
        const outside = secret();
        await unpack([
          symlink('f', outside, { mode: 0o777, uid: 99 }),
          hardlink('g', 'f', { mode: 0o777, uid: 99 }),
        ]);
        expect(lstatSync(outside)).toMatchObject({ uid: 0 });
        expect(lstatSync(outside).mode & 0o777).toBe(0o644);
      });

      it.each(['/etc/passwd', '../../../../etc/passwd', 'out/passwd'])(
        'link to %s outside',
        async (target) => {
          await refused([symlink('out', '/etc'), hardlink('mine', target)]);
        },
      );

      it('link to a directory, or to itself', async () => {
        await refused([directory('d'), hardlink('l', 'd')]);
        await refused([hardlink('l', 'l')]);
      });

      it('put a device outside through a symlink', async () => {
        await unpack([symlink('d', '/dev'), { name: 'd/shiplog-escape', flag: '3', device: [1, 3] }]);
        expect(existsSync('/dev/shiplog-escape')).toBe(false);
      });

      it('remove what lies outside by replacing a symlink to it', async () => {
        const outside = secret();
        await unpack([symlink('d', unpacking.path), directory('d'), file('d', 'x')]);
        expect(readFileSync(outside, 'utf8')).toBe('untouched');
      });

      it.each([
        'trusted.overlay.redirect',
        'trusted.overlay.opaque',
        'trusted.overlay.metacopy',
        'trusted.anything',
      ])('set %s', async (name) => {
        const { root } = await unpack([directory('d', { pax: { [`SCHILY.xattr.${name}`]: '/etc' } })]);
        expect(getXattr(join(root, 'd'), name)).toBeUndefined();
      });

      it.each(['.wh.', '.wh...', '.wh..'])('hide by the whiteout %s', async (name) => {
        await refused([directory('d'), file(`d/${name}`, '')]);
      });

      it('put entries into a file', async () => {
        await refused([file('f', ''), file('f/g', '')]);
      });

      it('have a name that is too long', async () => {
        await refused([file('f', '', { pax: { path: 'n'.repeat(256) } })]);
        await refused([file('f', '', { pax: { path: 'n/'.repeat(3000) } })]);
      });
    });

    describe('a broken or huge layer', () => {
      const good = tarOf([directory('d'), file('d/f', Buffer.alloc(2_000_000, 'abc'))]);

      it('is refused where gzip is corrupt, cut, or no gzip', async () => {
        const noise = tarOf([
          file('f', Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * i * 31) % 251))),
        ]);
        const gzip = gzipSync(noise);
        const corrupt = Buffer.from(gzip);
        corrupt[gzip.length >> 1] = (corrupt[gzip.length >> 1] ?? 0) ^ 0xff;
        for (const bytes of [
          corrupt,
          gzip.subarray(0, gzip.length - 100),
          Buffer.from('not gzip at all'.repeat(99)),
        ]) {
          await expect(unpacking.apply(freshId(), bytes, { mediaType: GZIP_LAYER })).rejects.toMatchObject({
            code: 'failed-precondition',
          });
        }
      });

      it('is refused where the archive is cut', async () => {
        await expect(unpacking.apply(freshId(), good.subarray(0, good.length - 5000))).rejects.toMatchObject({
          code: 'failed-precondition',
          message: expect.stringMatching(/middle of an entry/),
        });
      });

      it.each([
        [{ uncompressedBytes: 1_000_000 }, /1000000 bytes/],
        [{ entries: 1 }, /1 entries/],
        [{ ratio: 10, ratioFreeBytes: 100_000 }, /10 times/],
      ])('is refused over the limit %j', async (limits, words) => {
        const limited = openUnpacking({ limits });
        try {
          await expect(limited.apply('a', gzipSync(good), { mediaType: GZIP_LAYER })).rejects.toMatchObject({
            code: 'failed-precondition',
            message: expect.stringMatching(words),
          });
        } finally {
          await limited.close();
        }
      });

      it('is not found where there is none, and not taken where it is no layer', async () => {
        const apply = (path: string, mediaType: string) =>
          unpacking.applier.apply({ path, mediaType }, SnapshotId.parse('layer0'));
        await expect(apply('/nowhere', GZIP_LAYER)).rejects.toMatchObject({ code: 'not-found' });
        await expect(
          apply('/etc/hostname', 'application/vnd.oci.image.config.v1+json'),
        ).rejects.toMatchObject({ code: 'unimplemented' });
      });
    });

    it('is refused where the disk is full, and the next one is not', async () => {
      const disk = join(unpacking.path, 'small');
      execFileSync('mkdir', [disk]);
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', disk]);
      const small = openUnpacking({}, disk);
      try {
        await expect(
          small.apply('a', tarOf([file('f', Buffer.alloc(1_500_000))]), {}, unpacking.path),
        ).rejects.toMatchObject({
          code: 'resource-exhausted',
          message: expect.stringMatching(/disk is full at entry 'f'/),
        });
        await small.store.remove(SnapshotId.parse('a'));
        expect(
          await small.apply('b', tarOf([file('f', Buffer.alloc(100_000))]), {}, unpacking.path),
        ).toMatchObject({ usage: { inodes: 2 } });
      } finally {
        await small.close();
        execFileSync('umount', [disk]);
      }
    });
  },
);
