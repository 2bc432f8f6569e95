import type { Descriptor, DiffId, IngestRef, Labels, LeaseId, Namespace } from '../../../domain/identity.ts';
import type { Mount } from '../../../domain/mount.ts';
import type { StoreCall } from './call.ts';

/** The uncompressed tar that a layer turned out to be. */
export interface AppliedDiff {
  readonly digest: DiffId;
  /** Bytes. */
  readonly size: number;
}

export interface DiffApplication {
  readonly layer: Descriptor;
  /** As `prepare` or `mounts` of a snapshotter gave them, or whatever else can be mounted. */
  readonly mounts: readonly Mount[];
  /** For stream processors, by their ids: the bytes of a `google.protobuf.Any`. */
  readonly payloads: Readonly<Record<string, Uint8Array>>;
}

export interface DiffRequest {
  /** The tree before; no mounts are an empty one. */
  readonly left: readonly Mount[];
  /** The tree after. */
  readonly right: readonly Mount[];
  /** Empty: OCI's layer with gzip. */
  readonly mediaType: string;
  /** Of the write; made up where it is absent. */
  readonly ref?: IngestRef;
  readonly labels: Labels;
  /** Seconds since the Unix epoch that no time in the layer is to be later than. */
  readonly latest?: number;
  readonly lease?: LeaseId;
}

/** Layers, between content and snapshots. */
export interface DiffService {
  /**
   * Unpacks a layer of the namespace onto mounts; on stable storage when this resolves.
   * @throws Rejection `not-found` for content that the namespace has not; `unimplemented` for a media type that nothing
   *   here turns into a layer; `failed-precondition` for a corrupt or hostile layer, and where a stream processor fails;
   *   `invalid-argument` for no mounts
   */
  apply(namespace: Namespace, application: DiffApplication, call: StoreCall): Promise<AppliedDiff>;
  /**
   * Writes what changed between two trees into the namespace, as a layer, and puts it under the lease.
   * @throws Rejection `unimplemented` for a media type that is no layer of ours; `unavailable` while another write has the
   *   ref; `failed-precondition` for what no layer can hold; `aborted` where files change meanwhile
   */
  diff(namespace: Namespace, request: DiffRequest, call: StoreCall): Promise<Descriptor>;
}
