/** Ids from `container` on of a user namespace, `size` of them, are those from `host` on of the host. */
export interface IdRange {
  readonly container: number;
  readonly host: number;
  readonly size: number;
}

/** How a user namespace's users and groups are those of the host; root is always one of them. */
export interface IdMapping {
  readonly uids: readonly IdRange[];
  readonly gids: readonly IdRange[];
}

/** The last id; the one after it means none. */
const maxId = 2 ** 32 - 2;
/** The kernel takes no more (user_namespaces(7)). */
const mostRanges = 340;

const rangeIn = (text: string): IdRange | undefined => {
  const match = /^(\d{1,10}):(\d{1,10}):(\d{1,10})$/.exec(text);
  if (!match) return undefined;
  const [container = 0, host = 0, size = 0] = match.slice(1).map(Number);
  const fits = size > 0 && container + size - 1 <= maxId && host + size - 1 <= maxId;
  return fits ? { container, host, size } : undefined;
};

const overlap = (ranges: readonly IdRange[], side: 'container' | 'host'): boolean =>
  [...ranges]
    .sort((a, b) => a[side] - b[side])
    .some((range, at, all) => range[side] + range.size > (all[at + 1]?.[side] ?? Number.POSITIVE_INFINITY));

const hasRoot = (ranges: readonly IdRange[]): boolean => ranges.some(({ container }) => container === 0);

/** Ranges as containerd writes them: `CONTAINER:HOST:SIZE`, with commas between several; undefined where they can't be a mapping. */
export const idRangesIn = (text: string): readonly IdRange[] | undefined => {
  const parts = text.split(',');
  const ranges = parts.flatMap((part) => rangeIn(part) ?? []);
  if (ranges.length < parts.length || ranges.length > mostRanges || !hasRoot(ranges)) return undefined;
  return overlap(ranges, 'container') || overlap(ranges, 'host') ? undefined : ranges;
};

export const idRangesText = (ranges: readonly IdRange[]): string =>
  ranges.map(({ container, host, size }) => `${container}:${host}:${size}`).join(',');

/** The mapping of users and groups that texts of {@link idRangesIn} give; undefined where one of them gives none. */
export const idMappingIn = (uids: string, gids: string): IdMapping | undefined => {
  const [users, groups] = [idRangesIn(uids), idRangesIn(gids)];
  return users && groups && { uids: users, gids: groups };
};

/** Ids 0 to `size` - 1 are those from `hostUid` and `hostGid` on. */
export const oneRange = ({
  hostUid,
  hostGid,
  size,
}: {
  readonly hostUid: number;
  readonly hostGid: number;
  readonly size: number;
}): IdMapping => ({
  uids: [{ container: 0, host: hostUid, size }],
  gids: [{ container: 0, host: hostGid, size }],
});

const rootIn = (ranges: readonly IdRange[]): number =>
  ranges.find(({ container }) => container === 0)?.host ?? 0;

/** Who the namespace's root is on the host. */
export const mappedRoot = ({ uids, gids }: IdMapping): { readonly uid: number; readonly gid: number } => ({
  uid: rootIn(uids),
  gid: rootIn(gids),
});

/** Whether an id of the host is one of the namespace's. */
export const isMapped = (ranges: readonly IdRange[], id: number): boolean =>
  ranges.some(({ host, size }) => id >= host && id < host + size);
