import { join } from 'node:path';
import type { SnapshotId } from '../../domain/identity.ts';

/**
 * The layout on disk, that of containerd's overlayfs snapshotter:
 *
 *     <directory>/snapshots/<id>/fs           the layer's own tree (upper directory, or one of the lower ones)
 *     <directory>/snapshots/<id>/work         overlayfs's scratch space, for active snapshots
 *     <directory>/snapshots/<id>/idmap.json   the user namespace it is written under, if any
 *     <directory>/making/<id>                 one that is not whole yet; gone at the next start
 */
export interface OverlayDirectories {
  readonly snapshots: string;
  readonly making: string;
  snapshot(id: SnapshotId): string;
  fs(id: SnapshotId): string;
  work(id: SnapshotId): string;
}

export const overlayDirectories = (directory: string): OverlayDirectories => {
  const snapshots = join(directory, 'snapshots');
  return {
    snapshots,
    making: join(directory, 'making'),
    snapshot: (id) => join(snapshots, id),
    fs: (id) => join(snapshots, id, 'fs'),
    work: (id) => join(snapshots, id, 'work'),
  };
};
