import type { SnapshotterName } from '../../domain/identity.ts';
import type { RemoteSnapshotter } from './remote-snapshots.ts';
import type { SnapshotStore } from './snapshots.ts';

/** Every snapshotter that clients can name. */
export interface Snapshotters {
  /** With their bytes on this host. */
  readonly local: ReadonlyMap<SnapshotterName, SnapshotStore>;
  /** Other daemons. */
  readonly remote: ReadonlyMap<SnapshotterName, RemoteSnapshotter>;
  /** containerd's that this host can't have, and why not. */
  readonly absent: ReadonlyMap<SnapshotterName, string>;
}
