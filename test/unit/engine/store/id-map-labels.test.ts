import { describe, expect, it } from 'vitest';
import { Labels } from '../../../../src/domain/identity.ts';
import { idMapOf } from '../../../../src/engine/store/id-map-labels.ts';

const labels = (uids?: string, gids?: string) =>
  Labels.parse({
    other: 'x',
    ...(uids === undefined ? {} : { 'containerd.io/snapshot/uidmapping': uids }),
    ...(gids === undefined ? {} : { 'containerd.io/snapshot/gidmapping': gids }),
  });

describe('the ids that labels of a snapshot ask for', () => {
  it('are none without such labels', () => {
    expect(idMapOf(labels())).toBeUndefined();
  });

  it('are those of the host from a user and a group on', () => {
    expect(idMapOf(labels('0:100000:65536', '0:200000:65536'))).toEqual({
      hostUid: 100_000,
      hostGid: 200_000,
      size: 65_536,
    });
  });

  it.each([
    ['users alone', '0:1:2', undefined],
    ['groups alone', undefined, '0:1:2'],
    ['two ranges', '0:1:2,5:6:7', '0:1:2,5:6:7'],
    ['ranges of two sizes', '0:1:2', '0:1:3'],
    ['a range that does not begin with 0', '1:1:2', '1:1:2'],
    ['a range of nothing', '0:1:0', '0:1:0'],
    ['no range', 'x', 'y'],
  ])('can not be %s', (_, uids, gids) => {
    expect(() => idMapOf(labels(uids, gids))).toThrow(expect.objectContaining({ code: 'invalid-argument' }));
  });
});
