import { isHeld } from '../../domain/content.ts';
import type { Digest } from '../../domain/identity.ts';
import { asRejection } from '../../domain/rejection.ts';
import type { Ledger } from '../ledger.ts';
import type { BlobStore, IngestKey } from '../ports/blobs.ts';

/**
 * Bytes go only while no namespace holds them and nobody is about to bring them: a write that expects them stands in
 * the log from before its first byte until the event that names the blob. Bytes spared here are swept at the next boot.
 */
export class Removals {
  readonly #blobs: BlobStore;
  readonly #ledger: Ledger;
  readonly #underWay = new Map<Digest, Promise<void>>();
  readonly #discards = new Map<string, Promise<void>>();
  /** What writes turned out to be, where they began without knowing it, or thought it to be another. */
  readonly #found = new Map<string, Digest>();

  constructor(blobs: BlobStore, ledger: Ledger) {
    this.#blobs = blobs;
    this.#ledger = ledger;
  }

  /** Removes bytes that nobody needs. */
  async remove(digest: Digest): Promise<void> {
    const { content } = this.#ledger.head.world;
    if (isHeld(content, digest) || this.#expected().includes(digest)) return;
    const removal = this.#blobs.remove(digest).finally(() => this.#underWay.delete(digest));
    this.#underWay.set(digest, removal);
    await removal;
  }

  /** Resolves when a removal of these bytes that had begun is over: whoever brings them back waits for it. */
  async settled(digest: Digest): Promise<void> {
    await this.#underWay.get(digest);
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

  #expected(): readonly (Digest | undefined)[] {
    const { ingests } = this.#ledger.head.world.content;
    return [...ingests.values()].flatMap((ingest) => [ingest.digest, this.#found.get(nameOf(ingest))]);
  }
}

/** As the world keys its ingests. */
const nameOf = ({ namespace, ref }: IngestKey): string => `${namespace}/${ref}`;
