import type { IdMapping } from '../../domain/id-mapping.ts';
import type { Labels, Namespace, SnapshotId, SnapshotKey } from '../../domain/identity.ts';
import type { Mount } from '../../domain/mount.ts';
import { Rejection } from '../../domain/rejection.ts';
import type { Snapshot } from '../../domain/snapshots.ts';
import type { SnapshotStore, SnapshotUsage } from '../ports/snapshots.ts';
import type { StoreCall } from '../ports/store/call.ts';
import type { NewSnapshot } from '../ports/store/snapshots.ts';
import { idMapOf } from './id-map-labels.ts';

/** A snapshot that is about to be made, and what it is built on, from its parent to the base. */
export interface Planned extends NewSnapshot {
  readonly namespace: Namespace;
  readonly id: SnapshotId;
  readonly below: readonly Snapshot[];
}

/** A snapshot of the log, with what it is built on. */
export interface Placed {
  readonly snapshot: Snapshot;
  readonly below: readonly Snapshot[];
}

/** A layer that another daemon has by itself. */
export interface PresentLayer {
  readonly handle: string;
  readonly labels: Labels;
  readonly usage: SnapshotUsage;
}

/**
 * The bytes of one snapshotter, as its service needs them: directories here, or another daemon. Bytes come before their
 * event, so whatever is done here may be found undone in the log, and is then repeated or swept.
 */
export interface SnapshotBytes {
  prepare(planned: Planned, call: StoreCall): Promise<readonly Mount[]>;
  /** The layer that a refused `prepare` says is there already (containerd's remote snapshots); undefined where there is none. */
  present?(planned: Planned, layer: SnapshotKey, call: StoreCall): Promise<PresentLayer | undefined>;
  /** A prepared one stands in the log now. */
  recorded(planned: Planned): void;
  /** Takes back a prepared one whose event was refused. */
  discard(planned: Planned): Promise<void>;
  mounts(placed: Placed, call: StoreCall): Promise<readonly Mount[]>;
  /** Makes an active one immutable, on stable storage, under a name. @param onto what the commit sets it down on */
  commit(
    snapshot: Snapshot,
    name: SnapshotKey,
    onto: Snapshot | undefined,
    call: StoreCall,
  ): Promise<SnapshotUsage>;
  usage(snapshot: Snapshot, call: StoreCall): Promise<SnapshotUsage>;
  /** Takes away what no record names. */
  sweep(call: StoreCall): Promise<void>;
}

const idsOf = (below: readonly Snapshot[]): readonly SnapshotId[] => below.map(({ id }) => id);

/** The ids that a snapshot's labels ask for, where its store heeds them: others leave them to the client, as in containerd. */
const mapped = ({ capabilities }: SnapshotStore, labels: Labels): IdMapping | undefined =>
  capabilities.includes('remap-ids') ? idMapOf(labels) : undefined;

/** Directories on this host. */
export const localBytes = (store: SnapshotStore): SnapshotBytes => ({
  prepare: async ({ id, kind, below, labels }) => {
    const ids = mapped(store, labels);
    await store.create(id, kind, idsOf(below));
    if (ids !== undefined && kind === 'active') await store.mapIds?.(id, ids);
    return store.mounts(id, idsOf(below), kind === 'active', ids);
  },
  recorded: () => undefined,
  discard: ({ id }) => store.remove(id),
  mounts: async ({ snapshot, below }) =>
    store.mounts(snapshot.id, idsOf(below), snapshot.kind === 'active', mapped(store, snapshot.labels)),
  commit: async ({ id, snapshotter, key }, _, onto) => {
    if (onto !== undefined && !store.capabilities.includes('rebase')) {
      throw new Rejection(
        'unimplemented',
        `commit snapshot ${key} on a parent: snapshotter '${snapshotter}' has no capability 'rebase'; prepare it on its parent: not implemented`,
      );
    }
    await store.sync(id);
    return store.usage(id);
  },
  usage: async ({ id, kind, usage }) =>
    kind === 'active' ? store.usage(id) : (usage ?? { bytes: 0, inodes: 0 }),
  // What a crash leaves is swept at the start.
  sweep: async () => undefined,
});
