import type { Batch, EventText } from './event-text.ts';
import { GROUP_HEADER_BYTES } from './format.ts';
import { putGroup } from './seal.ts';

const INITIAL_BYTES = 256 * 1024;
/** A buffer that grew past this in a burst is let go afterwards. */
const KEPT_BYTES = 4 * 1024 * 1024;

/**
 * Small appends that are written together share groups of so many events: a hash of the chain, a checksum and a header for
 * all of them. Few, since whoever looks for one event reads all of its group.
 */
const SHARED_EVENTS = 8;
const SHARED_BYTES = 8 * 1024;

interface Group {
  readonly texts: EventText[];
  readonly first: number;
  bytes: number;
}

/** Appends that wait for the next write, which lays them out as groups, back to back. None is split between two groups. */
export class GroupBuffer {
  #groups: Group[] = [];
  #waiting = 0;
  #bytes = Buffer.allocUnsafe(INITIAL_BYTES);
  #length = 0;
  #starts: number[] = [];

  /** Bytes that what it was given takes in the file, at most. */
  get waiting(): number {
    return this.#waiting;
  }

  /** @param first position of the batch's first event */
  add(batch: Batch, first: number): void {
    this.#waiting += batch.groupBytes;
    const last = this.#groups.at(-1);
    const shared =
      last !== undefined &&
      last.texts.length > 0 &&
      last.texts.length + batch.texts.length <= SHARED_EVENTS &&
      last.bytes + batch.groupBytes <= SHARED_BYTES;
    if (shared) {
      for (const text of batch.texts) last.texts.push(text);
      last.bytes += batch.groupBytes;
    } else {
      this.#groups.push({ texts: [...batch.texts], first, bytes: batch.groupBytes });
    }
  }

  /** Adds a mark: a group without events, whose `synced` says that everything before it was durable. */
  addMark(next: number): void {
    this.#waiting += GROUP_HEADER_BYTES;
    this.#groups.push({ texts: [], first: next, bytes: GROUP_HEADER_BYTES });
  }

  /**
   * Lays out the groups for writing.
   * @param synced offset in the file below which everything is durable
   * @param chain the chain hash before them
   * @returns the chain hash after them
   */
  seal(synced: number, chain: string): string {
    this.#reserve(this.#waiting);
    let [at, before] = [0, chain];
    for (const { texts, first } of this.#groups) {
      this.#starts.push(at);
      const put = putGroup(this.#bytes, at, { texts, first, synced, chain: before });
      at = put.end;
      before = put.chain;
    }
    this.#length = at;
    return before;
  }

  /** The groups, for writing; none before they are sealed. Valid until `clear`. */
  get sealed(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  /** Where each of the sealed groups begins. */
  get starts(): readonly number[] {
    return this.#starts;
  }

  clear(): void {
    this.#groups = [];
    this.#waiting = 0;
    this.#length = 0;
    this.#starts = [];
    if (this.#bytes.length > KEPT_BYTES) this.#bytes = Buffer.allocUnsafe(INITIAL_BYTES);
  }

  #reserve(needed: number): void {
    if (needed <= this.#bytes.length) return;
    this.#bytes = Buffer.allocUnsafe(Math.max(needed, this.#bytes.length * 2));
  }
}
