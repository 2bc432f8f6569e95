import type { FileHandle } from 'node:fs/promises';
import type { Digest } from '../../domain/identity.ts';

/** Blobs that stay at hand. */
const mostBlobs = 32;
/** For how long after their last read (milliseconds): a removed one keeps its space on the disk until then. */
const idleMs = 1000;
/** Up to this size a blob is kept in memory instead, in bytes. */
const smallBytes = 64 * 1024;

/** What is at hand of a blob: its file, or all of its bytes. */
export interface AtHand {
  readonly size: number;
  readonly file?: FileHandle;
  readonly bytes?: Uint8Array;
}

interface Entry {
  readonly opened: Promise<AtHand>;
  readers: number;
  timer: NodeJS.Timeout | undefined;
}

/**
 * Keeps what was just read at hand. Clients read a blob in many calls: `ctr content get` asks for 32 KiB at a time, and
 * every `ctr run` reads the image's manifest and configuration five times. What a digest names never changes, so that only
 * removing and replacing have to be told.
 */
export class OpenBlobs {
  readonly #open: (digest: Digest) => Promise<FileHandle>;
  /** The one that was used last is last. */
  readonly #entries = new Map<Digest, Entry>();

  constructor(open: (digest: Digest) => Promise<FileHandle>) {
    this.#open = open;
  }

  /** @returns what is at hand, until `release` is called. @throws as the opening does */
  async acquire(digest: Digest): Promise<{ readonly blob: AtHand; readonly release: () => Promise<void> }> {
    const entry = this.#entries.get(digest) ?? this.#begin(digest);
    this.#entries.delete(digest);
    this.#entries.set(digest, entry);
    entry.readers += 1;
    clearTimeout(entry.timer);
    const release = () => this.#release(digest, entry);
    try {
      return { blob: await entry.opened, release };
    } catch (error) {
      this.#forgetEntry(digest, entry);
      throw error;
    }
  }

  /** What the digest names is read from the disk again. */
  forget(digest: Digest): void {
    const entry = this.#entries.get(digest);
    if (entry === undefined) return;
    this.#forgetEntry(digest, entry);
    // Those who open it are told of its failure; those who read it close it.
    if (entry.readers === 0) void closed(entry);
  }

  #begin(digest: Digest): Entry {
    this.#makeRoom();
    return { opened: this.#bring(digest), readers: 0, timer: undefined };
  }

  async #bring(digest: Digest): Promise<AtHand> {
    const file = await this.#open(digest);
    let keep = false;
    try {
      const { size } = await file.stat();
      if (size <= smallBytes) return { size, bytes: await file.readFile() };
      keep = true;
      return { size, file };
    } finally {
      if (!keep) await file.close();
    }
  }

  async #release(digest: Digest, entry: Entry): Promise<void> {
    entry.readers -= 1;
    if (entry.readers > 0) return;
    if (this.#entries.get(digest) !== entry) return closed(entry);
    entry.timer = setTimeout(() => this.forget(digest), idleMs);
    entry.timer.unref();
  }

  #makeRoom(): void {
    for (const [digest, { readers }] of this.#entries) {
      if (this.#entries.size < mostBlobs) return;
      if (readers === 0) this.forget(digest);
    }
  }

  #forgetEntry(digest: Digest, entry: Entry): void {
    clearTimeout(entry.timer);
    if (this.#entries.get(digest) === entry) this.#entries.delete(digest);
  }
}

/** Nothing was written to it, so that a failure to close loses nothing. */
const closed = async ({ opened }: Entry): Promise<void> => {
  const { file } = await opened;
  await file?.close();
};
