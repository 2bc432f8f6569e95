import type { IdMapping } from '../../domain/id-mapping.ts';
import type { DiffId, SnapshotId } from '../../domain/identity.ts';
import type { Mount } from '../../domain/mount.ts';

/**
 * The bytes of snapshots of one snapshotter on this host: one directory per id. Keys, names, parents and kinds are the
 * log's; this port is told what it needs and knows nothing else.
 *
 * Life of a snapshot directory. `create` makes it before its event, synced where there is anything in it: an empty one is
 * made again where a power cut takes it. `mounts` says how to see it, and touches
 * nothing. `sync` comes before the event that commits it. `remove` comes after the event that freed it, survives
 * repetition, and first renames the directory away, so that a crash in the middle leaves only garbage that `list` shows.
 */
export interface SnapshotStore {
  /** In containerd's words: what a client may rely on. */
  readonly capabilities: readonly string[];
  /** Where its directories lie. */
  readonly directory: string;
  /**
   * Makes the directory of a new snapshot, whole or not at all; nothing happens where it is there already. Durable on return,
   * but for that of a {@link RootStore}.
   * @param parents ids from the direct parent to the base; one that copies copies the first
   * @throws Rejection `not-found` where a parent that is copied has no bytes, `resource-exhausted` where the disk is full
   */
  create(id: SnapshotId, kind: 'active' | 'view', parents: readonly SnapshotId[]): Promise<void>;
  /**
   * How to mount it. Pure.
   * @param parents ids from the direct parent to the base
   * @param writable false for views, whose own directory is empty and left out. A committed snapshot is seen as a view on
   *   it: name it as the first of `parents`
   * @param ids shows the files of the parents under the ids of a user namespace: who is 0 on disk is its 0. For those with
   *   the capability `remap-ids`
   */
  mounts(
    id: SnapshotId,
    parents: readonly SnapshotId[],
    writable: boolean,
    ids?: IdMapping,
  ): readonly Mount[];
  /**
   * Ties an active snapshot to a mapping of ids, to be called before it is mounted under one: its files are stored with
   * the host's ids, and its root belongs to the mapped root. Durable on return; nothing happens the second time.
   * @throws Rejection `not-found`, `failed-precondition` where it has files of another mapping or of none
   */
  mapIds?(id: SnapshotId, ids: IdMapping): Promise<void>;
  /** Makes all that was written into it durable, by whomever. */
  sync(id: SnapshotId): Promise<void>;
  /** Bytes on disk and inodes of this layer alone. */
  usage(id: SnapshotId): Promise<SnapshotUsage>;
  /** Frees the bytes; nothing happens where there are none. */
  remove(id: SnapshotId): Promise<void>;
  /** Every id that has bytes, unfinished removals included. */
  list(): Promise<readonly SnapshotId[]>;
}

/**
 * The store that Shiplog's own containers have their roots in. An extracted layer is `apply`d into a fresh directory of it
 * and becomes visible only when the caller's commit event names it.
 */
export interface RootStore extends SnapshotStore {
  /**
   * Nothing is copied; the root belongs to whom that of the direct parent belongs to, where one is named. A power cut may
   * take it, for as long as nothing in it was synced: recovery makes it again.
   */
  create(id: SnapshotId, kind: 'active' | 'view', parents?: readonly SnapshotId[]): Promise<void>;
  mapIds(id: SnapshotId, ids: IdMapping): Promise<void>;
  /**
   * The active snapshot that these mounts write to, as `mounts` gave them; undefined for mounts of others and for those
   * that nothing is written to. Pure.
   */
  writtenBy(mounts: readonly Mount[]): SnapshotId | undefined;
}

export interface SnapshotUsage {
  /** Allocated bytes (blocks), hard links counted once. */
  readonly bytes: number;
  readonly inodes: number;
}

/**
 * Unpacks layers, in worker threads, straight into the directory of a snapshot in overlay form
 * (whiteouts as 0/0 character devices, opaque directories as trusted.overlay.opaque).
 *
 * Layers of an image can be applied at the same time, before their parents are there. A few layers can't: they hold
 * entries whose parent directories, or hard links whose targets, are in a lower layer. For these `apply` keeps nothing and
 * says `needsParents`; the caller applies them again when all parents are unpacked, and names them then.
 *
 * Example: `apply(layer, id)` → `{ needsParents: true }`; later `apply(layer, id, { parents: ['b', 'a'] })` → the layer.
 */
export interface LayerApplier {
  /**
   * @param layer.path the blob's file
   * @param layer.mediaType says that it is a layer; how it is compressed (gzip, zstd, not at all) is read from its bytes
   * @param into the fresh snapshot directory, made by the store's `create`; left as it is when this fails
   * @returns the digest of the uncompressed tar as found (the caller compares) and what the tree takes; on stable storage
   *   once `settle` is called and has resolved
   * @throws Rejection `failed-precondition` (corrupt or hostile layer, over a limit, a program that turns it into a layer
   *   failed), `unimplemented` (media type),
   *   `not-found` (no such blob or directory), `resource-exhausted` (disk full), `cancelled`, `unavailable` (closed)
   */
  apply(layer: LayerFile, into: SnapshotId, options?: ApplyOptions): Promise<AppliedLayer | NeedsParents>;
  /**
   * Unpacks a layer onto whatever is mounted, and may hold files already: what the layer has takes the place of what is
   * there, and what it removes is removed. Where this fails the tree is left half done.
   * @returns the digest and size of the uncompressed tar; the tree is on stable storage
   * @throws Rejection as `apply`; `invalid-argument` for no mounts, `internal` where they can't be mounted
   */
  applyTo(
    layer: LayerFile,
    mounts: readonly Mount[],
    options?: Omit<ApplyOptions, 'parents'>,
  ): Promise<Omit<AppliedLayer, 'usage'>>;
  /** Resolves when these layers, whose `apply` has resolved, are on stable storage. @throws Rejection where the disk fails */
  settle(ids: readonly SnapshotId[]): Promise<void>;
  close(): Promise<void>;
}

export interface LayerFile {
  readonly path: string;
  readonly mediaType: string;
  /** For the programs that turn layers of other media types into layers: by the id of the program, its bytes. */
  readonly payloads?: Readonly<Record<string, Uint8Array>>;
  /** For a file that is still being written: where, until it is whole and moved to `path`. */
  readonly growth?: LayerGrowth;
}

/** A file while it grows. It only ever gets longer. */
export interface LayerGrowth {
  readonly path: string;
  /** Bytes in the end. */
  readonly size: number;
  /**
   * Resolves with the bytes that are there as soon as these are more than `offset`, which must be below `size`.
   * @throws Rejection where no more will come
   */
  beyond(offset: number): Promise<number>;
}

export interface ApplyOptions {
  readonly signal?: AbortSignal;
  /** Called at most 10 times a second with the compressed bytes read so far. */
  readonly progress?: (bytesRead: number) => void;
  /**
   * The parents, from the direct one to the base, given when all of them are unpacked: empty for a base layer. Directories
   * and link targets that the layer leaves out are then copied up from them. Absent: unknown yet.
   */
  readonly parents?: readonly SnapshotId[];
}

export interface AppliedLayer {
  readonly needsParents?: false;
  readonly diffId: DiffId;
  /** Bytes of the uncompressed tar. */
  readonly size: number;
  readonly usage: SnapshotUsage;
}

/** Nothing was kept: the layer must be applied again with `parents`. */
export interface NeedsParents {
  readonly needsParents: true;
}
