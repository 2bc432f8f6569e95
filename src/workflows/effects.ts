import type { AnyValue } from '../domain/any-value.ts';
import type { ClientOrder, ExecOrder } from '../domain/client-order.ts';
import type { Compression } from '../domain/compression.ts';
import type { ProcessConfig } from '../domain/container-config.ts';
import type { ClientContainer, OwnContainer } from '../domain/containers.ts';
import type { Moment } from '../domain/envelope.ts';
import type {
  ContainerId,
  Descriptor,
  DiffId,
  Digest,
  ExecId,
  IngestRef,
  Namespace,
  Platform,
  SnapshotId,
  SnapshotKey,
  SnapshotterName,
  Timestamp,
} from '../domain/identity.ts';
import type { ImageReference } from '../domain/image-reference.ts';
import type { Rejection } from '../domain/rejection.ts';

/**
 * What workflows ask of the world, as data: each row is an input and what comes back. The engine performs them through
 * its ports; a failure comes back as a thrown `Rejection`. Nothing here says how.
 */
export interface Effects {
  // Time and names
  readonly now: Row<Nothing, Moment>;
  readonly 'host-platform': Row<Nothing, Platform>;
  readonly 'fresh-name': Row<{ readonly kind: 'hex64' | 'sortable' | 'brief' | 'spoken' }, string>;
  readonly sleep: Row<{ readonly ms: number }, void>;

  // Registry and content
  readonly 'resolve-image': Row<RegistryInput, Descriptor>;
  /** Into the store, verified and synced. @returns bytes moved, 0 where the bytes were there */
  readonly 'fetch-blob': Row<
    RegistryInput & { readonly descriptor: Descriptor; readonly key: IngestAddress; readonly as: ItemKind },
    number
  >;
  /** Fetches a layer and unpacks it as it comes; what is wrong with unpacking it is told once it is fetched. */
  readonly 'fetch-layer': Row<
    RegistryInput & {
      readonly descriptor: Descriptor;
      readonly key: IngestAddress;
      readonly into: SnapshotId;
      /** As in 'apply-layer'. */
      readonly parents?: readonly SnapshotId[];
    },
    { readonly moved: number; readonly applied: Applied | 'needs-parents' | Rejection }
  >;
  readonly 'push-blob': Row<
    RegistryInput & {
      readonly descriptor: Descriptor;
      readonly mountFrom: readonly string[];
      readonly as: ItemKind;
    },
    number
  >;
  readonly 'push-manifest': Row<
    RegistryInput & { readonly descriptor: Descriptor; readonly byDigest: boolean },
    number
  >;
  /** The text of a manifest, index or configuration. */
  readonly 'read-document': Row<{ readonly digest: Digest }, string>;
  readonly 'chain-ids': Row<{ readonly diffIds: readonly DiffId[] }, readonly SnapshotKey[]>;
  readonly 'digest-of': Row<{ readonly text: string }, Digest>;
  /** A document of our own making into the store, verified and synced. */
  readonly 'store-document': Row<
    { readonly key: IngestAddress; readonly digest: Digest; readonly text: string },
    void
  >;
  readonly 'compression-of': Row<{ readonly digest: Digest }, Compression>;
  readonly 'remove-blob-bytes': Row<{ readonly digests: readonly Digest[] }, void>;
  readonly 'discard-ingest': Row<IngestAddress, void>;

  // The archive that the run was given, or is to give
  /** Moves on to the next entry; undefined at the end. */
  readonly 'next-archive-entry': Row<Nothing, ArchiveEntry | undefined>;
  /** The current entry as a text of limited length. */
  readonly 'read-archive-document': Row<Nothing, string>;
  /** The current entry into the store, verified and synced; its digest is computed where none is `expected`. */
  readonly 'store-archive-file': Row<
    { readonly key: IngestAddress; readonly size: number; readonly expected?: Digest },
    { readonly digest: Digest; readonly size: number }
  >;
  /** Writes an archive of these files, in this order. @returns its bytes */
  readonly 'send-archive': Row<{ readonly files: readonly ArchivePart[] }, number>;

  // Snapshots
  /** Of our own containers: below `overlayfs`. Nothing happens where it is there. */
  readonly 'make-snapshot': Row<
    {
      readonly id: SnapshotId;
      readonly kind: 'active' | 'view';
      /** Whose root it inherits the owner of, direct parent first. */
      readonly parents?: readonly SnapshotId[];
    },
    void
  >;
  readonly 'apply-layer': Row<
    {
      readonly layer: Descriptor;
      readonly into: SnapshotId;
      /** Direct parent first; absent while they are not complete. */
      readonly parents?: readonly SnapshotId[];
    },
    Applied | 'needs-parents'
  >;
  /** Resolves when what was applied into these is on stable storage. */
  readonly 'settle-layers': Row<{ readonly ids: readonly SnapshotId[] }, void>;
  readonly 'remove-snapshot-bytes': Row<SnapshotAddress, void>;

  // Tasks
  /** Mounts the root, opens the streams, makes the process. @param root ids from the writable layer to the base */
  readonly 'create-task': Row<
    { readonly container: OwnContainer; readonly root: readonly SnapshotId[] },
    { readonly pid: number }
  >;
  /** Makes the process as a client ordered it, with the client's root and streams. */
  readonly 'create-client-task': Row<
    {
      readonly container: ClientContainer;
      readonly order: ClientOrder;
      /** Folder with images of processes to go on from. */
      readonly images?: string | undefined;
    },
    { readonly pid: number }
  >;
  readonly 'start-task': Row<TaskAddress, { readonly pid: number }>;
  /** Frees shim, bundle, mount of the root and streams of an ended task, in that order; waits for the last output. */
  readonly 'tear-down-task': Row<TaskAddress, void>;
  /** The same by force, for what can't be asked any more. */
  readonly 'purge-task': Row<TaskAddress, Ending | undefined>;
  readonly 'pause-task': Row<TaskAddress, void>;
  readonly 'resume-task': Row<TaskAddress, void>;
  readonly 'signal-task': Row<
    TaskAddress & { readonly signal: number; readonly execId?: ExecId; readonly all: boolean },
    void
  >;
  readonly 'start-exec': Row<
    TaskAddress & { readonly execId: ExecId; readonly process: ProcessConfig },
    { readonly pid: number }
  >;
  /** Makes a client's extra process known to the shim. */
  readonly 'create-client-exec': Row<
    TaskAddress & { readonly execId: ExecId; readonly order: ExecOrder },
    void
  >;
  readonly 'start-client-exec': Row<TaskAddress & { readonly execId: ExecId }, { readonly pid: number }>;
  /** Writes images of its processes into a folder, which is there. */
  readonly 'checkpoint-task': Row<
    TaskAddress & { readonly folder: string; readonly options?: AnyValue | undefined },
    void
  >;
  readonly 'update-task': Row<
    TaskAddress & {
      readonly resources: AnyValue;
      readonly annotations: Readonly<Record<string, string>>;
    },
    void
  >;
  readonly 'end-exec': Row<TaskAddress & { readonly execId: ExecId }, void>;
  /** Resolves true once the log says that the task (or exec) has ended; false after `ms`. */
  readonly 'await-end': Row<TaskAddress & { readonly execId?: ExecId; readonly ms?: number }, boolean>;
  /** Log files, secrets and the like that only this container has. */
  readonly 'remove-container-files': Row<TaskAddress, void>;
  readonly 'keep-secrets': Row<TaskAddress & { readonly secrets: Readonly<Record<string, string>> }, void>;

  // To whoever asked
  readonly report: Row<TransferReport, void>;
}

interface Row<Input, Output> {
  readonly input: Input;
  readonly output: Output;
}
type Nothing = Readonly<Record<string, never>>;

export type EffectName = keyof Effects;
export type EffectInput<K extends EffectName> = Effects[K]['input'];
export type EffectOutput<K extends EffectName> = Effects[K]['output'];

export interface RegistryInput {
  readonly reference: ImageReference;
  /** Given for this call only; never logged. */
  readonly credentials?: { readonly username: string; readonly password: string };
}

export interface IngestAddress {
  readonly namespace: Namespace;
  readonly ref: IngestRef;
}

/** The bytes of a snapshot; a snapshotter in another daemon knows them by namespace and key too. */
export interface SnapshotAddress {
  readonly snapshotter: SnapshotterName;
  readonly id: SnapshotId;
  readonly namespace?: Namespace;
  readonly key?: SnapshotKey;
}

export interface TaskAddress {
  readonly namespace: Namespace;
  readonly id: ContainerId;
}

export interface Applied {
  readonly diffId: DiffId;
  readonly usage: { readonly bytes: number; readonly inodes: number };
}

export interface Ending {
  readonly code: number;
  readonly at: Timestamp;
}

/** Paths are relative, and stay within the archive. */
export type ArchiveEntry =
  | { readonly kind: 'file'; readonly path: string; readonly size: number }
  | { readonly kind: 'link'; readonly path: string; readonly target: string };

/** One file of an archive: a text, a blob as it is stored, or a layer uncompressed. */
export type ArchivePart = { readonly path: string } & (
  | { readonly text: string }
  | { readonly blob: Digest; readonly size: number }
  | { readonly layer: Digest; readonly diffId: DiffId }
);

export type ItemKind = 'index' | 'manifest' | 'config' | 'layer';
export type ItemStatus =
  | 'waiting'
  | 'exists'
  | 'downloading'
  | 'downloaded'
  | 'extracting'
  | 'extracted'
  | 'uploading'
  | 'uploaded'
  | 'mounted';

/** Progress of a transfer; not in the log. */
export type TransferReport =
  | { readonly kind: 'resolved'; readonly name: string; readonly target: Descriptor }
  | {
      readonly kind: 'item';
      readonly digest: Digest;
      readonly mediaType: string;
      readonly as: ItemKind;
      readonly status: ItemStatus;
      readonly offset: number;
      readonly total: number;
    };
