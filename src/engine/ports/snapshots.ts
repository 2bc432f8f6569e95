import type { DiffId, SnapshotId } from '../../domain/identity.ts';
import type { Mount } from '../../domain/mount.ts';

/**
 * The bytes of snapshots: one directory per id. Keys, names, parents and kinds are the log's; this port is told what it
 * needs and knows nothing else.
 *
 * Life of a snapshot directory. `create` makes it, synced, before its event. `mounts` says how to see it, and touches
 * nothing. An extracted layer is `apply`d into a fresh directory and becomes visible only when the caller's commit event
 * names it. `remove` comes after the event that freed it, survives repetition, and first renames the directory away, so
 * that a crash in the middle leaves only garbage that `list` shows.
 */
export interface SnapshotStore {
  /** Makes the directory of a new snapshot, durable on return; nothing happens where it is there already. */
  create(id: SnapshotId, kind: 'active' | 'view'): Promise<void>;
  /**
   * How to mount it. Pure.
   * @param parents ids from the direct parent to the base
   * @param writable false for views and for committed snapshots
   */
  mounts(id: SnapshotId, parents: readonly SnapshotId[], writable: boolean): readonly Mount[];
  /** Bytes on disk and inodes of this layer alone. */
  usage(id: SnapshotId): Promise<SnapshotUsage>;
  /** Frees the bytes; nothing happens where there are none. */
  remove(id: SnapshotId): Promise<void>;
  /** Every id that has bytes, unfinished removals included. */
  list(): Promise<readonly SnapshotId[]>;
}

export interface SnapshotUsage {
  /** Allocated bytes (blocks), hard links counted once. */
  readonly bytes: number;
  readonly inodes: number;
}

/**
 * Unpacks layers, in worker threads, straight into the directory of a snapshot in overlay form
 * (whiteouts as 0/0 character devices, opaque directories as trusted.overlay.opaque).
 */
export interface LayerApplier {
  /**
   * @param layer.path the blob's file
   * @param layer.mediaType decides the decompressor (tar, tar+gzip, tar+zstd, OCI and Docker names)
   * @param into the fresh snapshot directory
   * @returns the digest of the uncompressed tar as found (the caller compares) and what the tree takes
   * @throws Rejection `failed-precondition` (corrupt or hostile layer, over a limit), `unimplemented` (media type),
   *   `resource-exhausted` (disk full), `cancelled`
   */
  apply(layer: LayerFile, into: SnapshotId, options?: ApplyOptions): Promise<AppliedLayer>;
  close(): Promise<void>;
}

export interface LayerFile {
  readonly path: string;
  readonly mediaType: string;
}

export interface ApplyOptions {
  readonly signal?: AbortSignal;
  /** Called at most 10 times a second with the compressed bytes read so far. */
  readonly progress?: (bytesRead: number) => void;
}

export interface AppliedLayer {
  readonly diffId: DiffId;
  /** Bytes of the uncompressed tar. */
  readonly size: number;
  readonly usage: SnapshotUsage;
}
