import {
  appendFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SnapshotId } from '../../src/domain/identity.ts';
import type { Mounter } from '../../src/engine/ports/mounts.ts';
import type { SnapshotStore } from '../../src/engine/ports/snapshots.ts';
import { seededRandom } from '../support/random.ts';
import { fillRandomTree } from '../support/random-tree.ts';
import { makeTempDir } from '../support/temp-dir.ts';
import { compareTrees, readTree } from '../support/tree.ts';

export interface SnapshotsUnderTest {
  readonly store: SnapshotStore;
  readonly mounter: Mounter;
  /** Undoes what `open` did on the host, once nothing is mounted any more. */
  readonly close?: () => void;
}

const id = (text: string) => SnapshotId.parse(text);

/** What every snapshot store with its mounter must do; needs root and real mounts. */
export const snapshotContract = (name: string, open: (directory: string) => SnapshotsUnderTest): void => {
  describe(`${name}: snapshots`, () => {
    let dir: ReturnType<typeof makeTempDir>;
    let store: SnapshotStore;
    let mounter: Mounter;
    let close: (() => void) | undefined;
    const targets: string[] = [];

    beforeEach(() => {
      dir = makeTempDir('snapshots', '/var/tmp');
      mkdirSync(join(dir.path, 'store'));
      ({ store, mounter, close } = open(join(dir.path, 'store')));
    });
    afterEach(async () => {
      for (const target of targets.splice(0)) await mounter.unmount(target);
      close?.();
      dir.remove();
    });

    const see = async (snapshot: string, parents: readonly string[], writable: boolean): Promise<string> => {
      const target = join(dir.path, `seen-${targets.length}`);
      mkdirSync(target);
      targets.push(target);
      await mounter.mount(store.mounts(id(snapshot), parents.map(id), writable), target);
      return target;
    };
    const layer = async (snapshot: string, parents: readonly string[], files: Record<string, string>) => {
      await store.create(id(snapshot), 'active', parents.map(id));
      const target = await see(snapshot, parents, true);
      for (const [path, content] of Object.entries(files)) writeFileSync(join(target, path), content);
      await mounter.unmount(target);
    };

    it('shows what was written into a snapshot to those on top of it', async () => {
      await layer('base', [], { a: 'base', b: 'base' });
      await layer('middle', ['base'], { b: 'middle', c: 'middle' });
      await store.create(id('top'), 'active', [id('middle'), id('base')]);
      const top = await see('top', ['middle', 'base'], true);
      expect(['a', 'b', 'c'].map((file) => readFileSync(join(top, file), 'utf8'))).toEqual([
        'base',
        'middle',
        'middle',
      ]);
      writeFileSync(join(top, 'a'), 'top');
      await store.create(id('other'), 'view', [id('middle'), id('base')]);
      const other = await see('other', ['middle', 'base'], false);
      expect(readFileSync(join(other, 'a'), 'utf8')).toBe('base');
    });

    it.each([[[]], [['base']], [['middle', 'base']]])('makes a view on %j read-only', async (parents) => {
      await layer('base', [], { a: '1' });
      await layer('middle', ['base'], { b: '2' });
      await store.create(id('view'), 'view', parents.map(id));
      const target = await see('view', parents, false);
      expect(() => writeFileSync(join(target, 'new'), 'x')).toThrow(/EROFS/);
      expect(readdirSync(target).length).toBe(parents.length);
    });

    it('creates twice as once, and keeps what is there', async () => {
      await layer('again', [], { a: 'kept' });
      await store.create(id('again'), 'active', []);
      expect(readFileSync(join(await see('again', [], true), 'a'), 'utf8')).toBe('kept');
    });

    it('removes, and removes again, and lists what is there', async () => {
      await layer('one', [], { a: '1' });
      await layer('two', [], { a: '2' });
      expect([...(await store.list())].sort()).toEqual(['one', 'two']);
      await store.remove(id('one'));
      await store.remove(id('one'));
      await store.remove(id('never'));
      expect(await store.list()).toEqual(['two']);
    });

    it('removes many at once', async () => {
      const ids = Array.from({ length: 150 }, (_, index) => `many${index}`);
      // Side by side, so that they share their waits for the disk.
      await Promise.all(ids.map((each) => store.create(id(each), 'active', [])));
      await Promise.all(ids.map((each) => store.remove(id(each))));
      expect(await store.list()).toEqual([]);
    }, 60_000);

    it('leaves what is beneath as it was, whatever is done on top', async () => {
      await layer('base', [], { a: 'base', b: 'base', c: 'base' });
      await store.create(id('top'), 'active', [id('base')]);
      const top = await see('top', ['base'], true);
      writeFileSync(join(top, 'a'), 'top');
      appendFileSync(join(top, 'b'), ' and top');
      rmSync(join(top, 'c'));
      const base = await see('base', [], true);
      expect(['a', 'b', 'c'].map((file) => readFileSync(join(base, file), 'utf8'))).toEqual([
        'base',
        'base',
        'base',
      ]);
      expect(readFileSync(join(top, 'b'), 'utf8')).toBe('base and top');
    });

    it('shows a tree of every kind of file to whoever builds on it, as it is', async () => {
      await store.create(id('base'), 'active', []);
      const base = await see('base', [], true);
      fillRandomTree(base, seededRandom(7), { entries: 60 });
      await store.create(id('top'), 'active', [id('base')]);
      // the root's own time is the snapshot's
      const like = (target: string) =>
        compareTrees(readTree(base), readTree(target), (path, field) => path === '.' && field === 'mtime');
      expect(like(await see('top', ['base'], true))).toEqual([]);
      await store.create(id('look'), 'view', [id('base')]);
      expect(like(await see('look', ['base'], false))).toEqual([]);
    });

    it('syncs what was written, by whomever', async () => {
      await layer('written', [], { a: '1' });
      await store.sync(id('written'));
      await expect(store.sync(id('absent'))).rejects.toMatchObject({ code: 'not-found' });
    });

    it('counts blocks and inodes, hard links once', async () => {
      await layer('used', [], { file: 'x'.repeat(10_000) });
      const before = await store.usage(id('used'));
      expect(before.inodes).toBe(2);
      expect(before.bytes).toBeGreaterThanOrEqual(10_000);
      const target = await see('used', [], true);
      linkSync(join(target, 'file'), join(target, 'linked'));
      expect(await store.usage(id('used'))).toEqual(before);
      await expect(store.usage(id('absent'))).rejects.toMatchObject({ code: 'not-found' });
    });

    it('mounts 128 layers', async () => {
      const ids = Array.from({ length: 128 }, (_, index) => `${'deeplayer'.repeat(3)}${index}`);
      for (const [index, each] of ids.entries())
        await layer(each, [...ids.slice(0, index)].reverse(), {
          [`file${index}`]: `${index}`,
          last: `${index}`,
        });
      await store.create(id('deep'), 'active', [...ids].reverse().map(id));
      const target = await see('deep', [...ids].reverse(), true);
      expect(readdirSync(target).length).toBe(129);
      expect(readFileSync(join(target, 'file0'), 'utf8')).toBe('0');
      expect(readFileSync(join(target, 'last'), 'utf8')).toBe('127');
      writeFileSync(join(target, 'file0'), 'changed');
      expect(readFileSync(join(target, 'file0'), 'utf8')).toBe('changed');
    }, 60_000);

    it('lists mount points below a prefix, with odd names', async () => {
      await store.create(id('odd'), 'active', []);
      const target = join(dir.path, 'a b\tc\\d\ne');
      mkdirSync(target);
      targets.push(target);
      await mounter.mount(store.mounts(id('odd'), [], true), target);
      // one that is on a file system of its own stands below the prefix too
      const others = async () =>
        (await mounter.under(dir.path)).filter((point) => point !== join(dir.path, 'store'));
      expect(await others()).toEqual([target]);
      expect(await mounter.under(`${dir.path}/a`)).toEqual([]);
      await mounter.unmount(target);
      expect(await others()).toEqual([]);
    });

    it('unmounts a busy target, a stack of mounts, and what is not there', async () => {
      await store.create(id('busy'), 'active', []);
      const target = await see('busy', [], true);
      await mounter.mount(store.mounts(id('busy'), [], true), target);
      const before = process.cwd();
      process.chdir(target);
      await mounter.unmount(target);
      process.chdir(before);
      expect(await mounter.under(target)).toEqual([]);
      await mounter.unmount(target);
      await mounter.unmount(join(dir.path, 'absent'));
    });

    it('mounts all or nothing, and says what failed', async () => {
      await store.create(id('partly'), 'active', []);
      const target = join(dir.path, 'partly');
      mkdirSync(target);
      const good = store.mounts(id('partly'), [], true);
      const bad = { type: 'overlay', source: 'overlay', options: ['lowerdir=/nowhere/a:/nowhere/b'] };
      const failure = mounter.mount([...good, bad], target);
      await expect(failure).rejects.toMatchObject({
        code: 'internal',
        message: expect.stringMatching(/lowerdir=\/nowhere.*ENOENT/),
      });
      expect(await mounter.under(target)).toEqual([]);
      expect(existsSync(target)).toBe(true);
    });
  });
};
