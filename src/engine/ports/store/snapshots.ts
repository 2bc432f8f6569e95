import type { Labels, LeaseId, Namespace, SnapshotKey, Timestamp } from '../../../domain/identity.ts';
import type { Mount } from '../../../domain/mount.ts';
import type { SnapshotUsage } from '../snapshots.ts';
import type { StoreCall } from './call.ts';

/** What a snapshotter knows of a snapshot: its key while it is active or a view, its name once it is committed. */
export interface SnapshotInfo {
  readonly key: SnapshotKey;
  readonly kind: 'active' | 'view' | 'committed';
  readonly parent?: SnapshotKey;
  readonly labels: Labels;
  readonly createdAt: Timestamp;
  readonly updatedAt: Timestamp;
}

export interface NewSnapshot {
  readonly key: SnapshotKey;
  readonly kind: 'active' | 'view';
  readonly parent?: SnapshotKey;
  readonly labels: Labels;
  readonly lease?: LeaseId;
}

export interface SnapshotCommit {
  readonly name: SnapshotKey;
  readonly key: SnapshotKey;
  /** To be set down on this one, where it was prepared without a parent. */
  readonly parent?: SnapshotKey;
  /** All that it is to have: those of the key go. */
  readonly labels: Labels;
  readonly lease?: LeaseId;
}

/**
 * Snapshots of a namespace in one snapshotter. `prepare` makes one to write to, or to look at; whoever made it mounts it
 * by what `mounts` says, and unmounts it. `commit` turns an active one into a layer that others can be built on, under a
 * name of its own. What is removed goes from the log first and from the disk after.
 */
export interface Snapshotter {
  /** @throws Rejection `already-exists`; `not-found` for the parent or the lease; `failed-precondition` where the parent is not committed */
  prepare(namespace: Namespace, snapshot: NewSnapshot, call: StoreCall): Promise<readonly Mount[]>;
  /** @throws Rejection `not-found`; `failed-precondition` for a committed one */
  mounts(namespace: Namespace, key: SnapshotKey, call: StoreCall): Promise<readonly Mount[]>;
  /**
   * Syncs the files, measures them, then records the layer.
   * @throws Rejection `not-found`; `already-exists` for the name; `failed-precondition` where it is not active, or has a
   *   parent and is given one
   */
  commit(namespace: Namespace, commit: SnapshotCommit, call: StoreCall): Promise<void>;
  /** @throws Rejection `not-found`; `failed-precondition` while others are built on it */
  remove(namespace: Namespace, key: SnapshotKey, lease: LeaseId | undefined, call: StoreCall): Promise<void>;
  /** @throws Rejection `not-found` */
  stat(namespace: Namespace, key: SnapshotKey): SnapshotInfo;
  /**
   * @param replace these labels are all; else they are merged in, an empty value taking a label away
   * @throws Rejection `not-found`
   */
  update(
    namespace: Namespace,
    key: SnapshotKey,
    change: { readonly labels: Labels; readonly replace: boolean },
    call: StoreCall,
  ): Promise<SnapshotInfo>;
  /** By key. @throws Rejection `invalid-argument` for a filter that can't be read */
  list(namespace: Namespace, filters: readonly string[]): readonly SnapshotInfo[];
  /** What it alone takes on disk: measured for an active one, remembered for a committed one, nothing for a view. @throws Rejection `not-found` */
  usage(namespace: Namespace, key: SnapshotKey, call: StoreCall): Promise<SnapshotUsage>;
  /** Collects garbage now, and resolves when the log says what went; the disk follows at once. In another daemon also what no record names any more. */
  cleanup(call: StoreCall): Promise<void>;
}

export interface SnapshotServices {
  /** @throws Rejection `invalid-argument` where there is none of that name, in containerd's words */
  snapshotter(name: string): Snapshotter;
  /**
   * Takes away, in the daemons that proxy plugins stand for, what no record names: bytes that a crash or an outage left.
   * One that can't be reached is told to the log; its turn comes again with the next start, or with `cleanup`.
   */
  sweepElsewhere(call: StoreCall): Promise<void>;
}
