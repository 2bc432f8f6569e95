import { type IdMapping, idMappingIn, idRangesText } from '../../domain/id-mapping.ts';
import { Rejection } from '../../domain/rejection.ts';

const prefixes = { uids: 'uidmap=', gids: 'gidmap=' } as const;

/** A mapping as mount options, in containerd's words: `uidmap=CONTAINER:HOST:SIZE,…` and the same for groups. */
export const idMapOptions = ({ uids, gids }: IdMapping): readonly string[] => [
  `${prefixes.uids}${idRangesText(uids)}`,
  `${prefixes.gids}${idRangesText(gids)}`,
];

const isIdMap = (option: string): boolean =>
  Object.values(prefixes).some((prefix) => option.startsWith(prefix));

/**
 * Parts a mapping from the options that the file system is to read.
 * @throws Rejection `invalid-argument` where they give none, or none for root
 */
export const takeIdMap = (
  options: readonly string[],
): { readonly ids?: IdMapping; readonly rest: readonly string[] } => {
  const asked = options.filter(isIdMap);
  if (asked.length === 0) return { rest: options };
  const [uids, gids] = Object.values(prefixes).map((prefix) =>
    asked.flatMap((option) => (option.startsWith(prefix) ? [option.slice(prefix.length)] : [])).join(';'),
  );
  const ids = idMappingIn(uids ?? '', gids ?? '');
  if (ids === undefined) {
    throw new Rejection(
      'invalid-argument',
      `mount options '${asked.join(' ')}': give uidmap and gidmap once each, as CONTAINER:HOST:SIZE, with commas between several, one of them from 0 on`,
    );
  }
  return { ids, rest: options.filter((option) => !isIdMap(option)) };
};

export const showIdMap = (ids: IdMapping): string => idMapOptions(ids).join(' ');

export const sameIdMap = (a: IdMapping, b: IdMapping): boolean => showIdMap(a) === showIdMap(b);
