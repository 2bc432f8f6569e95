import { describe, expect, it } from 'vitest';
import { overlayDirectories } from '../../../../src/adapters/overlay/directories.ts';
import { overlayMounts } from '../../../../src/adapters/overlay/mounts.ts';
import { createOverlayStore } from '../../../../src/adapters/overlay/store.ts';
import { SnapshotId } from '../../../../src/domain/identity.ts';

const id = (text: string) => SnapshotId.parse(text);
const mounts = (parents: string[], writable: boolean) =>
  overlayMounts(overlayDirectories('/s'), id('me'), parents.map(id), writable, ['index=off']);

describe('how to see a snapshot', () => {
  it('is a writable bind mount where it stands alone', () => {
    expect(mounts([], true)).toEqual([
      { type: 'bind', source: '/s/snapshots/me/fs', options: ['rw', 'rbind'] },
    ]);
  });
  it('is a read-only bind mount of the one parent of a view', () => {
    expect(mounts(['p'], false)).toEqual([
      { type: 'bind', source: '/s/snapshots/p/fs', options: ['ro', 'rbind'] },
    ]);
  });
  it('is an overlay without upper directory for a view on several', () => {
    expect(mounts(['p', 'q'], false)).toEqual([
      {
        type: 'overlay',
        source: 'overlay',
        options: ['index=off', 'lowerdir=/s/snapshots/p/fs:/s/snapshots/q/fs'],
      },
    ]);
  });
  it('is an overlay, direct parent first, for an active snapshot', () => {
    expect(mounts(['p', 'q'], true)[0]?.options).toEqual([
      'index=off',
      'workdir=/s/snapshots/me/work',
      'upperdir=/s/snapshots/me/fs',
      'lowerdir=/s/snapshots/p/fs:/s/snapshots/q/fs',
    ]);
  });
  it.each(['/a:b', '/a,b', 'relative', '/a b', '/a\\b'])(
    'refuses %s as a place for snapshots',
    (directory) => {
      expect(() => createOverlayStore({ directory })).toThrow(/choose another/);
    },
  );
});
