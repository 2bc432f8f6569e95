import { describe, expect, it } from 'vitest';
import { overlayDirectories } from '../../../../src/adapters/overlay/directories.ts';
import { idMapOptions, takeIdMap } from '../../../../src/adapters/overlay/idmap.ts';
import { overlayMounts } from '../../../../src/adapters/overlay/mounts.ts';
import { oneRange } from '../../../../src/domain/id-mapping.ts';
import { SnapshotId } from '../../../../src/domain/identity.ts';

const ids = oneRange({ hostUid: 100_000, hostGid: 200_000, size: 65_536 });
const options = (parents: readonly string[], writable: boolean) =>
  overlayMounts(
    overlayDirectories('/s'),
    SnapshotId.parse('me'),
    parents.map((parent) => SnapshotId.parse(parent)),
    writable,
    [],
    ids,
  )[0]?.options;

describe('a mapping of ids among mount options', () => {
  it('is written in the words of containerd, and read back', () => {
    expect(idMapOptions(ids)).toEqual(['uidmap=0:100000:65536', 'gidmap=0:200000:65536']);
    expect(takeIdMap(['ro', ...idMapOptions(ids), 'index=off'])).toEqual({ ids, rest: ['ro', 'index=off'] });
    expect(takeIdMap(['ro'])).toEqual({ rest: ['ro'] });
    const several = ['uidmap=0:33:100,100:333:65536', 'gidmap=0:66:100,100:666:65536'];
    expect(idMapOptions(takeIdMap(several).ids ?? ids)).toEqual(several);
  });

  it.each([
    [['uidmap=0:1:2']],
    [['uidmap=1:1:2', 'gidmap=0:1:2']],
    [['uidmap=0:1:0', 'gidmap=0:1:0']],
    [['uidmap=0:1:2', 'uidmap=0:5:2', 'gidmap=0:1:2']],
    [['uidmap=0:1:2,1:6:7', 'gidmap=0:1:2']],
  ])('is refused as %j', (wrong) => {
    expect(() => takeIdMap(wrong)).toThrow(/CONTAINER:HOST:SIZE/);
  });

  it('goes with what the image brought, not with what the container wrote', () => {
    expect(options(['p', 'q'], true)).toEqual(expect.arrayContaining([...idMapOptions(ids)]));
    expect(options(['p'], false)).toEqual(['ro', 'rbind', ...idMapOptions(ids)]);
    expect(options([], true)).toEqual(['rw', 'rbind']);
  });
});
