import type { Descriptor, DiffId, Namespace } from '../../../domain/identity.ts';
import type { Mount } from '../../../domain/mount.ts';
import type { StoreCall } from './call.ts';

/** The uncompressed tar that a layer turned out to be. */
export interface AppliedDiff {
  readonly digest: DiffId;
  /** Bytes. */
  readonly size: number;
}

/** Layers, between content and snapshots. */
export interface DiffService {
  /**
   * Unpacks a layer of the namespace into a fresh active snapshot of it, on stable storage when this resolves.
   * @param mounts as `prepare` or `mounts` of a snapshotter gave them
   * @throws Rejection `not-found` for content that the namespace has not; `unimplemented` for a media type that is no
   *   layer, and for mounts that no snapshotter here made; `failed-precondition` where the snapshot holds files already,
   *   and for a corrupt or hostile layer
   */
  apply(
    namespace: Namespace,
    layer: Descriptor,
    mounts: readonly Mount[],
    call: StoreCall,
  ): Promise<AppliedDiff>;
}
