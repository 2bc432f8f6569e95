import type { IdMapping } from '../../domain/id-mapping.ts';
import { SnapshotId } from '../../domain/identity.ts';
import type { Mount } from '../../domain/mount.ts';
import type { OverlayDirectories } from './directories.ts';
import { idMapOptions } from './idmap.ts';

/**
 * How to see a snapshot, in the words of containerd's overlayfs snapshotter, so that its clients and shims understand.
 * @param parents from the direct parent to the base
 * @param ids for the files of the parents; the snapshot's own are stored with the host's ids
 * @param features options beyond the directories that this kernel takes, such as `index=off`
 */
export const overlayMounts = (
  directories: OverlayDirectories,
  id: SnapshotId,
  parents: readonly SnapshotId[],
  writable: boolean,
  features: readonly string[],
  ids?: IdMapping,
): readonly Mount[] => {
  const [parent] = parents;
  // overlayfs needs a lower directory: one layer alone is a bind mount
  if (parent === undefined) {
    return [{ type: 'bind', source: directories.fs(id), options: [writable ? 'rw' : 'ro', 'rbind'] }];
  }
  const mapped = ids === undefined ? [] : idMapOptions(ids);
  if (!writable && parents.length === 1) {
    return [{ type: 'bind', source: directories.fs(parent), options: ['ro', 'rbind', ...mapped] }];
  }
  const upper = writable ? [`workdir=${directories.work(id)}`, `upperdir=${directories.fs(id)}`] : [];
  const lower = `lowerdir=${parents.map((each) => directories.fs(each)).join(':')}`;
  return [{ type: 'overlay', source: 'overlay', options: [...features, ...mapped, ...upper, lower] }];
};

/** The snapshot whose own directory these mounts write to, where they are of {@link overlayMounts}' making. */
export const writtenBy = (
  directories: OverlayDirectories,
  mounts: readonly Mount[],
): SnapshotId | undefined => {
  const [mount] = mounts;
  if (mount === undefined || mounts.length > 1) return undefined;
  const path = upperOf(mount);
  const { data: id } = SnapshotId.safeParse(path?.split('/').at(-2));
  return id !== undefined && directories.fs(id) === path ? id : undefined;
};

const upperOf = ({ type, source, options }: Mount): string | undefined => {
  if (type === 'bind') return options.includes('ro') ? undefined : source;
  if (type !== 'overlay') return undefined;
  const prefix = 'upperdir=';
  return options.find((option) => option.startsWith(prefix))?.slice(prefix.length);
};
