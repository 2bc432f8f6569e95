import { type IdMapping, idMappingIn } from '../../domain/id-mapping.ts';
import type { Labels } from '../../domain/identity.ts';
import { Rejection } from '../../domain/rejection.ts';

/** containerd's: the ids under which a snapshot is to be seen, as `CONTAINER:HOST:SIZE`, several with commas. */
const names = { uids: 'containerd.io/snapshot/uidmapping', gids: 'containerd.io/snapshot/gidmapping' };

/**
 * The mapping that the labels of a snapshot ask for; undefined where they ask for none.
 * @throws Rejection `invalid-argument` where they are no mapping, or have none for root
 */
export const idMapOf = (labels: Labels): IdMapping | undefined => {
  const [uids, gids] = [labels[names.uids], labels[names.gids]];
  if (uids === undefined && gids === undefined) return undefined;
  const ids = idMappingIn(uids ?? '', gids ?? '');
  if (ids !== undefined) return ids;
  throw new Rejection(
    'invalid-argument',
    `labels ${names.uids}=${uids ?? ''} and ${names.gids}=${gids ?? ''}: give both as CONTAINER:HOST:SIZE, with commas between several, one of them from 0 on: invalid argument`,
  );
};
