import { isHeld } from '../../domain/content.ts';
import type { Digest } from '../../domain/identity.ts';
import { asRejection } from '../../domain/rejection.ts';
import type { Ledger } from '../ledger.ts';
import type { BlobStore, IngestKey } from '../ports/blobs.ts';

/** Some bytes that are removed together. */
interface Batch {
  readonly digests: ReadonlySet<Digest>;
  readonly over: Promise<void>;
}

/**
 * Bytes go only while no namespace holds them and nobody is about to bring them: a write that expects them stands in
 * the log from before its first byte until the event that names the blob. Bytes spared here are swept at the next boot.
 */
export class Removals {
  readonly #blobs: BlobStore;
  readonly #ledger: Ledger;
  /** Whose removal was asked for and has not begun. */
  #asked = new Set<Digest>();
  /** Ends with the removal of what is asked for now. */
  #next: Promise<void> | undefined;
  #underWay: Batch | undefined;
  readonly #discards = new Map<string, Promise<void>>();
  /** What writes turned out to be, where they began without knowing it, or thought it to be another. */
  readonly #found = new Map<string, Digest>();

  constructor(blobs: BlobStore, ledger: Ledger) {
    this.#blobs = blobs;
    this.#ledger = ledger;
  }

  /** Removes bytes that nobody needs, with all others that are asked for before it begins. */
  remove(digests: readonly Digest[]): Promise<void> {
    for (const digest of digests) this.#asked.add(digest);
    this.#next ??= this.#removeNext(this.#underWay);
    return this.#next;
  }

  async #removeNext(before: Batch | undefined): Promise<void> {
    // Those who ask for the one before it are told of its failure.
    await before?.over.catch(() => undefined);
    await new Promise((resolve) => setImmediate(resolve));
    const asked = this.#asked;
    this.#asked = new Set();
    this.#next = undefined;
    const { content } = this.#ledger.head.world;
    const expected = this.#expected();
    const digests = [...asked].filter((one) => !isHeld(content, one) && !expected.has(one));
    if (digests.length === 0) return;
    const batch = { digests: new Set(digests), over: this.#blobs.remove(digests) };
    this.#underWay = batch;
    try {
      await batch.over;
    } finally {
      if (this.#underWay === batch) this.#underWay = undefined;
    }
  }

  /** Resolves when a removal of these bytes that had begun is over: whoever brings them back waits for it. */
  async settled(digest: Digest): Promise<void> {
    if (this.#underWay?.digests.has(digest)) await this.#underWay.over;
  }

  /** Says what a write turned out to be, so that its bytes are spared; to be followed by {@link settled}. */
  expect(key: IngestKey, digest: Digest): void {
    const { ingests } = this.#ledger.head.world.content;
    for (const name of this.#found.keys()) if (!ingests.has(name)) this.#found.delete(name);
    this.#found.set(nameOf(key), digest);
  }

  /** Throws away the bytes of a write that was given up; they may be gone already. */
  discard(key: IngestKey): Promise<void> {
    const name = nameOf(key);
    const known = this.#discards.get(name);
    if (known !== undefined) return known;
    const discard = this.#abort(key).finally(() => this.#discards.delete(name));
    this.#discards.set(name, discard);
    return discard;
  }

  /** Resolves when a discard of such a write that had begun is over: whoever writes under its ref again waits for it. */
  async discarded(key: IngestKey): Promise<void> {
    // Its failure is told to whoever asked for it.
    await this.#discards.get(nameOf(key))?.catch(() => undefined);
  }

  async #abort(key: IngestKey): Promise<void> {
    try {
      await this.#blobs.abort(key);
    } catch (error) {
      if (asRejection(error).code !== 'not-found') throw error;
    }
  }

  #expected(): ReadonlySet<Digest | undefined> {
    const { ingests } = this.#ledger.head.world.content;
    return new Set(
      [...ingests.values()].flatMap((ingest) => [ingest.digest, this.#found.get(nameOf(ingest))]),
    );
  }
}

/** As the world keys its ingests. */
const nameOf = ({ namespace, ref }: IngestKey): string => `${namespace}/${ref}`;
