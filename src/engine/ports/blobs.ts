import type { Descriptor, Digest, IngestRef, Namespace } from '../../domain/identity.ts';

/**
 * Bytes by digest, on disk. Which blobs exist *for a namespace* is said by the log; this port only holds bytes, shared
 * between namespaces.
 *
 * Life of a blob. `ingest` opens an unfinished write by namespace and ref, at the offset that an earlier attempt reached
 * (its bytes are hashed again, so that a resumed write is verified as a whole). Bytes go in through `write` with the
 * digest computed on the way. `commit` checks size and digest, syncs the file, renames it under its digest and syncs the
 * folder: only then may the caller append the event that names it. A crash before that event leaves garbage, which
 * `list`/`ingests` show to the sweep at boot. `remove` comes after the event that freed the bytes.
 *
 * Only one writer may hold an ingest; a second gets `unavailable`.
 */
export interface BlobProvider {
  /** Absolute path of the bytes, for readers that map or stream the file themselves (workers). */
  path(digest: Digest): string;
  /** Size in bytes, or undefined where there are none. */
  size(digest: Digest): Promise<number | undefined>;
  /** Bytes `[offset, offset + length)`, to the end when `length` is absent. @throws Rejection `not-found`, `invalid-argument` */
  read(digest: Digest, range?: { offset?: number; length?: number }): AsyncIterable<Uint8Array>;
  /** The whole of a small blob (manifest, config). @throws Rejection `not-found`; `resource-exhausted` over `limit` bytes */
  readAll(digest: Digest, limit: number): Promise<Uint8Array>;
}

export interface BlobIngester {
  ingest(key: IngestKey, expected?: Partial<Pick<Descriptor, 'digest' | 'size'>>): Promise<Ingest>;
  /** Unfinished writes on disk, held or not. */
  ingests(): Promise<readonly IngestStatus[]>;
  /** Throws away an unfinished write. @throws Rejection `not-found`, `unavailable` when it is held */
  abort(key: IngestKey): Promise<void>;
}

export interface BlobManager {
  /** Every digest that has bytes. */
  list(): AsyncIterable<{ readonly digest: Digest; readonly size: number }>;
  /**
   * Removes bytes, some at a time; nothing happens where there are none.
   * @throws Rejection of the first that could not be removed, once all were tried
   */
  remove(digests: readonly Digest[]): Promise<void>;
  /** Reads all bytes and compares. @returns the digest they really have */
  verify(digest: Digest): Promise<Digest>;
}

export type BlobStore = BlobProvider & BlobIngester & BlobManager;

export interface IngestKey {
  readonly namespace: Namespace;
  readonly ref: IngestRef;
}

export interface IngestStatus extends IngestKey {
  /** Bytes written so far. */
  readonly offset: number;
  /** Microseconds since the Unix epoch. */
  readonly startedAt: number;
  readonly updatedAt: number;
}

/** An open write; it ends with exactly one of `commit`, `release` (kept for resuming) or `discard`. */
export interface Ingest {
  readonly key: IngestKey;
  /** Bytes written so far, those of earlier attempts included. */
  readonly offset: number;
  /** When an earlier attempt wrote last, in microseconds since the Unix epoch; of a new one, when it began. */
  readonly updatedAt: number;
  /** Absolute path of these bytes, until they are committed. */
  readonly path: string;
  /** Appends; resolves when the bytes are with the kernel. @throws Rejection `failed-precondition` past the expected size; `resource-exhausted` when the disk is full */
  write(bytes: Uint8Array): Promise<void>;
  /** Digest of the bytes written so far: sha256, unless the ingest was opened for a digest of another kind. */
  digest(): Promise<Digest>;
  /** Cuts back to `offset` (a registry that ignores Range). */
  truncate(offset: number): Promise<void>;
  /**
   * Verifies, syncs, renames. After a wrong size or digest it is open as before, for its holder to end in another way.
   * @returns what was stored
   * @throws Rejection `failed-precondition` (size or digest), `resource-exhausted`
   */
  commit(expected?: Partial<Pick<Descriptor, 'digest' | 'size'>>): Promise<{ digest: Digest; size: number }>;
  /** @param updatedAt when it was written last, for the next attempt and for {@link BlobIngester.ingests} */
  release(updatedAt?: number): Promise<void>;
  discard(): Promise<void>;
}
