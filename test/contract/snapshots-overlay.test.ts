import { chownSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createMounter } from '../../src/adapters/overlay/mounter.ts';
import { createOverlayStore } from '../../src/adapters/overlay/store.ts';
import { SnapshotId } from '../../src/domain/identity.ts';
import type { RootStore } from '../../src/engine/ports/snapshots.ts';
import { missingHere } from '../support/machine.ts';
import { makeTempDir } from '../support/temp-dir.ts';
import { snapshotContract } from './snapshots.ts';

const missing = missingHere({ root: true });
if (missing === undefined) {
  snapshotContract('overlay', (directory) => ({
    store: createOverlayStore({ directory }),
    mounter: createMounter(),
  }));
} else {
  describe.skip(`overlay: snapshots (${missing})`, () => it('mounts', () => undefined));
}

describe('an overlay store', () => {
  const id = (text: string) => SnapshotId.parse(text);
  const dir = makeTempDir('snapshots', '/var/tmp');
  let store: RootStore;
  beforeAll(() => {
    store = createOverlayStore({ directory: dir.path });
  });
  afterAll(() => dir.remove());

  it('gives the root of a tree to whom the root beneath belongs', async () => {
    await store.create(id('below'), 'active');
    chownSync(join(dir.path, 'snapshots/below/fs'), 100_000, 100_001);
    await store.create(id('above'), 'active', [id('below')]);
    const { uid, gid } = statSync(join(dir.path, 'snapshots/above/fs'));
    expect([uid, gid]).toEqual([100_000, 100_001]);
  });

  it('shows nothing of a directory that is not whole, and has none of it after the next start', async () => {
    mkdirSync(join(dir.path, 'making/cutshort/fs'), { recursive: true });
    expect(await store.list()).not.toContain('cutshort');
    const next = createOverlayStore({ directory: dir.path });
    expect([await next.list(), readdirSync(join(dir.path, 'making'))]).toEqual([await store.list(), []]);
    await next.create(id('cutshort'), 'active');
    expect(readdirSync(join(dir.path, 'snapshots/cutshort')).sort()).toEqual(['fs', 'work']);
  });

  it('knows again which snapshot its mounts write to, and no other', () => {
    const mounts = (writable: boolean, ...parents: string[]) =>
      store.mounts(id('mine'), parents.map(id), writable);
    expect(store.writtenBy(mounts(true))).toBe('mine');
    expect(store.writtenBy(mounts(true, 'middle', 'base'))).toBe('mine');
    for (const parents of [[], ['base'], ['middle', 'base']]) {
      expect(store.writtenBy(mounts(false, ...parents))).toBeUndefined();
    }
    expect(store.writtenBy([])).toBeUndefined();
    expect(store.writtenBy([...mounts(true), ...mounts(true)])).toBeUndefined();
    const elsewhere = { type: 'bind', source: '/elsewhere/mine/fs', options: ['rw', 'rbind'] };
    expect(store.writtenBy([elsewhere])).toBeUndefined();
  });
});
