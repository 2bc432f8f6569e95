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
      uids: [{ container: 0, host: 100_000, size: 65_536 }],
      gids: [{ container: 0, host: 200_000, size: 65_536 }],
    });
  });

  it('are of several ranges, of users and groups apart', () => {
    expect(idMapOf(labels('0:33:100,100:333:65536', '0:66:50'))).toEqual({
      uids: [
        { container: 0, host: 33, size: 100 },
        { container: 100, host: 333, size: 65_536 },
      ],
      gids: [{ container: 0, host: 66, size: 50 }],
    });
  });

  it.each([
    ['users alone', '0:1:2', undefined],
    ['groups alone', undefined, '0:1:2'],
    ['ranges of the same ids inside', '0:1:2,1:6:7', '0:1:2'],
    ['ranges of the same ids of the host', '0:1:5,5:5:7', '0:1:2'],
    ['a range and nothing', '0:1:2,', '0:1:2'],
    ['a range beyond the last id', '0:1:4294967295', '0:1:2'],
    ['ranges without root', '1:1:2', '1:1:2'],
    ['a range of nothing', '0:1:0', '0:1:0'],
    ['no range', 'x', 'y'],
  ])('can not be %s', (_, uids, gids) => {
    expect(() => idMapOf(labels(uids, gids))).toThrow(expect.objectContaining({ code: 'invalid-argument' }));
  });
});
