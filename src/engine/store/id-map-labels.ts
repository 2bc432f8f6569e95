import type { Labels } from '../../domain/identity.ts';
import { Rejection } from '../../domain/rejection.ts';
import type { IdMapping } from '../ports/snapshots.ts';

/** containerd's: the ids under which a snapshot is to be seen, as `CONTAINER:HOST:SIZE`. */
const names = { uids: 'containerd.io/snapshot/uidmapping', gids: 'containerd.io/snapshot/gidmapping' };

const range = (text: string): { host: number; size: number } | undefined => {
  const match = /^0:(\d{1,10}):(\d{1,10})$/.exec(text);
  return match ? { host: Number(match[1]), size: Number(match[2]) } : undefined;
};

/**
 * The mapping that the labels of a snapshot ask for; undefined where they ask for none.
 * @throws Rejection `invalid-argument` for anything but one range from 0 on, of one size for users and groups
 */
export const idMapOf = (labels: Labels): IdMapping | undefined => {
  const [uids, gids] = [labels[names.uids], labels[names.gids]];
  if (uids === undefined && gids === undefined) return undefined;
  const [users, groups] = [range(uids ?? ''), range(gids ?? '')];
  if (users === undefined || groups === undefined || users.size !== groups.size || users.size === 0) {
    throw new Rejection(
      'invalid-argument',
      `labels ${names.uids}=${uids ?? ''} and ${names.gids}=${gids ?? ''}: give both as 0:HOST:SIZE, one range of one size: invalid argument`,
    );
  }
  return { hostUid: users.host, hostGid: groups.host, size: users.size };
};
