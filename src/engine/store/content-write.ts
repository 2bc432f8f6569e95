import { findBlob } from '../../domain/content.ts';
import { type Digest, type LeaseId, Timestamp } from '../../domain/identity.ts';
import { asRejection, Rejection } from '../../domain/rejection.ts';
import type { Ingest, IngestKey } from '../ports/blobs.ts';
import type { Cause } from '../ports/cause.ts';
import type { ContentWrite, WriteEnd, WriteStatus } from '../ports/store/content.ts';
import type { StoreParts } from './parts.ts';

export interface OpenedWrite {
  readonly key: IngestKey;
  readonly startedAt: Timestamp;
  readonly total: number;
  readonly expected?: Digest;
  readonly lease?: LeaseId;
  /** The bytes: an ingest of its own, or those that another namespace holds already. */
  readonly bytes: Ingest | SharedBytes;
  readonly cause: Cause;
  /** Called once, when another writer may have the ref. */
  readonly letGo: () => void;
}

/** Bytes that are there for another namespace; they are copied only if the write turns out to be of something else. */
export interface SharedBytes {
  readonly shared: Digest;
  readonly size: number;
}

const isShared = (bytes: Ingest | SharedBytes): bytes is SharedBytes => 'shared' in bytes;

/** One write of content over the store of bytes and the log. Calls must not overlap. */
export class StoredWrite implements ContentWrite {
  readonly #parts: StoreParts;
  readonly #opened: OpenedWrite;
  #bytes: Ingest | SharedBytes;
  #updatedAt: Timestamp;
  #over = false;

  constructor(parts: StoreParts, opened: OpenedWrite) {
    this.#parts = parts;
    this.#opened = opened;
    this.#bytes = opened.bytes;
    const { bytes } = opened;
    const began = isShared(bytes) || bytes.offset === 0;
    this.#updatedAt = began ? parts.ports.clock.now().wall : Timestamp.parse(bytes.updatedAt);
  }

  get #offset(): number {
    return isShared(this.#bytes) ? this.#bytes.size : this.#bytes.offset;
  }

  status(): WriteStatus {
    const { key, total, expected, startedAt } = this.#opened;
    return {
      ref: key.ref,
      offset: this.#offset,
      total: isShared(this.#bytes) ? this.#bytes.size : total,
      ...(expected === undefined ? {} : { expected }),
      startedAt,
      updatedAt: this.#updatedAt,
    };
  }

  async digest(): Promise<Digest> {
    return isShared(this.#bytes) ? this.#bytes.shared : this.#bytes.digest();
  }

  async write(offset: number, bytes: Uint8Array): Promise<void> {
    this.#live();
    if (offset > 0 && offset !== this.#offset) {
      throw new Rejection(
        'out-of-range',
        `write @${offset} must occur at current offset ${this.#offset}; ask for the status of ref '${this.#opened.key.ref}'`,
      );
    }
    if (offset === 0 && this.#offset > 0) {
      const own = await this.#own(0);
      await own.truncate(0);
    }
    if (bytes.length === 0) return;
    const own = await this.#own(offset);
    await own.write(bytes);
    this.#updatedAt = this.#parts.ports.clock.now().wall;
  }

  async giveUpIfThere(expected: Digest): Promise<void> {
    const { key, lease, cause } = this.#opened;
    if (!this.#has(expected)) return;
    await this.close();
    const { ledger, removals } = this.#parts;
    const { namespace, ref } = key;
    await ledger.dispatch(
      [{ type: 'abort-ingest', namespace, ref, cause: { by: 'request' } }, ...holding(key, lease, expected)],
      cause,
    );
    await removals.discard(key);
    throw new Rejection('already-exists', `blob with expected digest ${expected} exists: already exists`);
  }

  async commit({ total, expected, labels }: WriteEnd): Promise<Digest> {
    this.#live();
    const { key, lease, cause } = this.#opened;
    const { ledger, removals } = this.#parts;
    const digest = expected ?? (await this.digest());
    removals.expect(key, digest);
    await removals.settled(digest);
    const end = { digest, ...(total === 0 ? {} : { size: total }) };
    const stored = isShared(this.#bytes)
      ? await this.#take(this.#bytes, end)
      : await this.#store(this.#bytes, end);
    // Looked at and decided on in one turn: of two that bring the same content, one finds it there.
    const there = this.#has(stored.digest);
    await ledger.dispatch(
      [
        {
          type: 'commit-blob',
          namespace: key.namespace,
          ref: key.ref,
          ...stored,
          labels: there ? {} : labels,
          ...(lease === undefined ? {} : { lease }),
        },
      ],
      cause,
    );
    await this.close();
    if (there) throw alreadyThere(stored.digest);
    return stored.digest;
  }

  async close(): Promise<void> {
    if (this.#over) return;
    this.#over = true;
    try {
      if (!isShared(this.#bytes)) await this.#bytes.release(this.#updatedAt);
    } finally {
      this.#opened.letGo();
    }
  }

  #has(digest: Digest): boolean {
    return findBlob(this.#parts.ledger.head.world.content, this.#opened.key.namespace, digest) !== undefined;
  }

  #live(): void {
    if (!this.#over) return;
    throw new Rejection(
      'failed-precondition',
      `the write under ref '${this.#opened.key.ref}' is over already`,
    );
  }

  /** Bytes that only this write has: the first `upTo` of the shared ones, where they are shared now. */
  async #own(upTo: number): Promise<Ingest> {
    const bytes = this.#bytes;
    if (!isShared(bytes)) return bytes;
    const { blobs } = this.#parts.ports;
    const own = await blobs.ingest(this.#opened.key);
    try {
      await own.truncate(0);
      if (upTo > 0) {
        for await (const piece of blobs.read(bytes.shared, { length: upTo })) await own.write(piece);
      }
    } catch (error) {
      await own.release();
      throw error;
    }
    this.#bytes = own;
    return own;
  }

  async #take(bytes: SharedBytes, end: { digest: Digest; size?: number }): Promise<Stored> {
    const wrong = end.digest !== bytes.shared || (end.size ?? bytes.size) !== bytes.size;
    const there = await this.#parts.ports.blobs.size(bytes.shared);
    if (!wrong && there !== undefined) return { digest: bytes.shared, size: bytes.size };
    throw await this.#ended(
      new Rejection(
        'failed-precondition',
        `the write under ref '${this.#opened.key.ref}' has ${there ?? 0} bytes of ${bytes.shared} where ${end.size ?? bytes.size} of ${end.digest} were expected`,
      ),
    );
  }

  async #store(ingest: Ingest, end: { digest: Digest; size?: number }): Promise<Stored> {
    try {
      return await ingest.commit(end);
    } catch (error) {
      throw asRejection(error).code === 'failed-precondition' ? await this.#ended(error) : error;
    }
  }

  /** As in containerd, a commit that is refused ends the write, and its bytes stay under the ref. @returns the error */
  async #ended(error: unknown): Promise<unknown> {
    await this.close();
    return error;
  }
}

interface Stored {
  readonly digest: Digest;
  readonly size: number;
}

export const alreadyThere = (digest: Digest): Rejection =>
  new Rejection('already-exists', `content ${digest}: already exists`);

/** The command by which a lease takes hold of content that is there. */
export const holding = (
  { namespace }: Pick<IngestKey, 'namespace'>,
  lease: LeaseId | undefined,
  digest: Digest,
) =>
  lease === undefined
    ? []
    : [
        {
          type: 'add-lease-resource' as const,
          namespace,
          id: lease,
          resource: { type: 'content', id: digest },
        },
      ];
