import type { Digest, IngestRef, Labels, LeaseId, Namespace, Timestamp } from '../../../domain/identity.ts';
import type { StoreCall } from './call.ts';

export interface BlobInfo {
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
  readonly labels: Labels;
  readonly createdAt: Timestamp;
  readonly updatedAt: Timestamp;
}

/** An unfinished write. */
export interface WriteStatus {
  readonly ref: IngestRef;
  /** Bytes that are there. */
  readonly offset: number;
  /** Bytes that there are to be; 0 where nobody has said. */
  readonly total: number;
  /** What it is to become, where somebody has said. */
  readonly expected?: Digest;
  readonly startedAt: Timestamp;
  readonly updatedAt: Timestamp;
}

export interface WriteRequest {
  readonly namespace: Namespace;
  readonly ref: IngestRef;
  /** Bytes that there are to be; 0 where it is not known. */
  readonly total: number;
  readonly expected?: Digest;
  readonly lease?: LeaseId;
}

/** What a write must turn out to be, as far as it is known. */
export interface WriteEnd {
  /** 0 where it is not known. */
  readonly total: number;
  readonly expected?: Digest;
  readonly labels: Labels;
}

/**
 * A write under way. Its ref is locked until `close`, which keeps what was written: the next write under the ref goes on
 * from there, also after a restart of the daemon.
 */
export interface ContentWrite {
  status(): WriteStatus;
  /** Digest of the bytes so far. */
  digest(): Promise<Digest>;
  /**
   * Appends, or begins anew at offset 0, where there are bytes already.
   * @throws Rejection `out-of-range` for another offset than the one reached, `resource-exhausted` where the disk is full
   */
  write(offset: number, bytes: Uint8Array): Promise<void>;
  /**
   * Gives the write up where the namespace has the content already.
   * @throws Rejection `already-exists` then
   */
  giveUpIfThere(expected: Digest): Promise<void>;
  /**
   * Verifies and syncs the bytes, then records the blob, and the lease's hold on it, in one batch.
   * @throws Rejection `failed-precondition` for another size or digest; `already-exists` where the namespace has it, and
   *   then the lease holds it all the same and the ref is free
   */
  commit(end: WriteEnd): Promise<Digest>;
  close(): Promise<void>;
}

/** Content of a namespace. The bytes are shared between namespaces, the records and labels are not. */
export interface ContentStore {
  /** @throws Rejection `not-found` */
  info(namespace: Namespace, digest: Digest): BlobInfo;
  /**
   * By digest.
   * @param filters in containerd's language; any of them is enough
   * @throws Rejection `invalid-argument` for a filter that can't be read
   */
  list(namespace: Namespace, filters: readonly string[]): readonly BlobInfo[];
  /**
   * @param replace these labels are all; else they are merged in, an empty value taking a label away
   * @throws Rejection `not-found`
   */
  update(
    namespace: Namespace,
    digest: Digest,
    change: { readonly labels: Labels; readonly replace: boolean },
    call: StoreCall,
  ): Promise<BlobInfo>;
  /** Lets go of a blob, and takes it out of the lease. @throws Rejection `not-found` */
  delete(namespace: Namespace, digest: Digest, lease: LeaseId | undefined, call: StoreCall): Promise<void>;
  /**
   * Bytes from `offset` on, at most `length` of them where that is above 0.
   * @throws Rejection `not-found`; `out-of-range` past the end
   */
  read(
    namespace: Namespace,
    digest: Digest,
    range: { readonly offset: number; readonly length: number },
  ): AsyncIterable<Uint8Array>;
  /** @throws Rejection `not-found` */
  status(namespace: Namespace, ref: IngestRef): Promise<WriteStatus>;
  /** By ref. @throws Rejection `invalid-argument` for a filter that can't be read */
  statuses(namespace: Namespace, filters: readonly string[]): Promise<readonly WriteStatus[]>;
  /**
   * Begins a write, or takes it up again. Where the bytes of `expected` are there for another namespace, they count as
   * written.
   * @throws Rejection `already-exists` where the namespace has `expected` (the lease holds it then), `unavailable` while
   *   another write has the ref, `not-found` for a lease that is not there
   */
  write(request: WriteRequest, call: StoreCall): Promise<ContentWrite>;
  /** Throws away an unfinished write; one that is under way loses its bytes. @throws Rejection `not-found` */
  abort(namespace: Namespace, ref: IngestRef, call: StoreCall): Promise<void>;
}
