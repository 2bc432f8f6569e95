import type { Compression } from '../../domain/compression.ts';
import type { DiffId } from '../../domain/identity.ts';
import type { Mount } from '../../domain/mount.ts';

/**
 * Tells what changed from one tree to another as a layer (OCI image-spec, layer.md): what is new or other in full, what is
 * gone as a whiteout. Applied to the first, the layer gives the second. The same trees give the same bytes: names are in
 * the order of their bytes, and a whiteout has no time of its own.
 */
export interface LayerDiffer {
  diff(trees: DiffTrees, options: DiffOptions): LayerDiff;
  /** Ends what is under way. */
  close(): Promise<void>;
}

/** Mounts as a snapshotter gives them; no mounts at all are an empty tree. */
export interface DiffTrees {
  readonly lower: readonly Mount[];
  readonly upper: readonly Mount[];
}

export interface DiffOptions {
  readonly compression: Compression;
  /** Seconds since the Unix epoch that no time in the layer is to be later than; whiteouts have this one. */
  readonly latest?: number;
  readonly signal?: AbortSignal | undefined;
}

export interface LayerDiff {
  /**
   * The layer, once.
   * @throws Rejection `failed-precondition` for a name that no layer can hold, `aborted` where files change meanwhile,
   *   `unimplemented` where nothing here compresses so, `cancelled`, `resource-exhausted` where too many wait
   */
  readonly bytes: AsyncIterable<Uint8Array>;
  /** Digest of the uncompressed tar. @throws Error before the bytes have been read to their end */
  diffId(): DiffId;
}
