import { Rejection } from '../../domain/rejection.ts';
import type { IdMapping } from '../../engine/ports/snapshots.ts';

/** A mapping as mount options, in containerd's words: `uidmap=CONTAINER:HOST:SIZE` and the same for groups. */
export const idMapOptions = ({ hostUid, hostGid, size }: IdMapping): readonly string[] => [
  `uidmap=0:${hostUid}:${size}`,
  `gidmap=0:${hostGid}:${size}`,
];

const isIdMap = (option: string): boolean => option.startsWith('uidmap=') || option.startsWith('gidmap=');

const parse = (option: string | undefined): { host: number; size: number } | undefined => {
  const match = /^[ug]idmap=0:(\d{1,10}):(\d{1,10})$/.exec(option ?? '');
  return match ? { host: Number(match[1]), size: Number(match[2]) } : undefined;
};

/**
 * Parts a mapping from the options that the file system is to read.
 * @throws Rejection `invalid-argument` for anything but one range from 0 on, the same size for users and groups
 */
export const takeIdMap = (
  options: readonly string[],
): { readonly ids?: IdMapping; readonly rest: readonly string[] } => {
  const asked = options.filter(isIdMap);
  if (asked.length === 0) return { rest: options };
  const uids = parse(asked.find((option) => option.startsWith('uidmap=')));
  const gids = parse(asked.find((option) => option.startsWith('gidmap=')));
  if (asked.length !== 2 || !uids || !gids || uids.size !== gids.size || uids.size === 0) {
    throw new Rejection(
      'invalid-argument',
      `mount options '${asked.join(',')}': give uidmap=0:HOST:SIZE and gidmap=0:HOST:SIZE, each once and of one size`,
    );
  }
  return {
    ids: { hostUid: uids.host, hostGid: gids.host, size: uids.size },
    rest: options.filter((option) => !isIdMap(option)),
  };
};

export const sameIdMap = (a: IdMapping, b: IdMapping): boolean =>
  a.hostUid === b.hostUid && a.hostGid === b.hostGid && a.size === b.size;

export const showIdMap = ({ hostUid, hostGid, size }: IdMapping): string => `${hostUid}:${hostGid}:${size}`;
