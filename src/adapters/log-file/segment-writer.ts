import { join } from 'node:path';
import type { Disk, DiskFile } from './disk.ts';
import { createDurably, truncateDurably, withFile } from './durable-file.ts';
import { LogDamage } from './failure.ts';
import { encodeSegmentHeader, SEGMENT_HEADER_BYTES, segmentName } from './format.ts';
import { firstOf } from './group.ts';
import type { GroupBuffer } from './group-buffer.ts';
import { scan } from './scan.ts';
import { Segment, SparseIndex } from './segment.ts';

/** Space is written ahead in steps that double between these, so that a small log stays small. */
const AHEAD_MIN_BYTES = 256 * 1024;
const AHEAD_MAX_BYTES = 4 * 1024 * 1024;
/** From this size on, zeros first would cost more than the one metadata update that they save. */
const LARGE_WRITE_BYTES = 32 * 1024;
const zeros = Buffer.alloc(256 * 1024);

/** Where the next segment goes on. */
export interface Continuation {
  readonly base: number;
  readonly chain: string;
}

/**
 * Writes to the last segment of a log. After a write or sync that failed,
 * nothing since the last good one is trusted, not even what the page cache shows: the segment is cut there, through a
 * fresh descriptor, read back, and writing goes on in a new file.
 */
export class SegmentWriter {
  readonly #disk: Disk;
  readonly #directory: string;
  readonly #logId: string;
  readonly #segmentBytes: number;
  readonly #segments: Segment[];
  #segment: Segment;
  #file: DiskFile;
  /** Offset below which the file holds written zeros, or data. */
  #prepared: number;
  #suspect = false;

  private constructor(options: WriterOptions, segment: Segment, file: DiskFile) {
    this.#disk = options.disk;
    this.#directory = options.directory;
    this.#logId = options.logId;
    this.#segmentBytes = options.segmentBytes;
    this.#segments = options.segments;
    this.#segment = segment;
    this.#file = file;
    this.#prepared = options.prepared;
  }

  /** Takes up the last of `segments`. */
  static async open(options: WriterOptions): Promise<SegmentWriter> {
    const segment = options.segments.at(-1);
    if (segment === undefined) throw new Error('a log has at least one segment');
    return new SegmentWriter(options, segment, await options.disk.open(segment.path, 'durably'));
  }

  /** Offset in the current file below which everything is durable. */
  get synced(): number {
    return this.#segment.end;
  }

  /** Whether `ready` would do nothing. */
  get isReady(): boolean {
    return !this.#suspect && this.#segment.end < this.#segmentBytes;
  }

  /** Makes ready for more events: mends what a failure left, begins a new segment where this one is full. */
  async ready(next: Continuation): Promise<void> {
    await this.mend(next);
    if (this.#segment.end >= this.#segmentBytes) await this.#rotate(next);
  }

  /** Begins a new segment although this one is not full; nothing happens where it holds no events. */
  async seal(next: Continuation): Promise<void> {
    await this.mend(next);
    if (this.#segment.base < next.base) await this.#rotate(next);
  }

  /** Takes away what a failed write may have left; nothing happens where none failed. */
  async mend(next: Continuation): Promise<void> {
    if (!this.#suspect) return;
    await truncateDurably(this.#disk, this.#segment.path, this.#segment.end);
    await this.#readBack();
    await this.#rotate(next);
  }

  /**
   * Cuts off at once what a write that failed may have left, so that no start finds it done; `mend` is for before the next.
   * @returns what kept it from being cut off, if anything did
   */
  async takeBack(): Promise<Error | undefined> {
    if (!this.#suspect) return undefined;
    return truncateDurably(this.#disk, this.#segment.path, this.#segment.end).then(
      () => undefined,
      (error: unknown) => (error instanceof Error ? error : new Error(String(error))),
    );
  }

  /** Puts bytes after the end and makes them durable; `commit` then moves the end past them. */
  async write(bytes: Buffer): Promise<void> {
    const { end } = this.#segment;
    const past = end + bytes.length > this.#prepared;
    if (past && bytes.length < LARGE_WRITE_BYTES) await this.#writeAhead(end + bytes.length);
    try {
      await this.#file.write(bytes, end);
    } catch (error) {
      this.#suspect = true;
      throw error;
    }
    this.#prepared = Math.max(this.#prepared, end + bytes.length);
  }

  /**
   * Shows the groups of the last write to readers. Apart from `write`, so that readers see them in the same turn in which
   * the log's `durable` moves.
   */
  commit(groups: GroupBuffer): void {
    const start = this.#segment.end;
    const { sealed, starts } = groups;
    for (const at of starts) this.#segment.note(firstOf(sealed, at), start + at);
    this.#segment.end = start + sealed.length;
  }

  async close(): Promise<void> {
    await this.#file.close();
  }

  /**
   * Writes zeros past the end, so that a sync afterwards finds the blocks allocated and has no metadata to write
   * (a sparse file would not do). Takes less when the disk can't give a full step.
   */
  async #writeAhead(needed: number): Promise<void> {
    const step = Math.min(Math.max(this.#prepared, AHEAD_MIN_BYTES), AHEAD_MAX_BYTES);
    const roomy = Math.min(this.#prepared + step, Math.max(this.#segmentBytes, needed));
    try {
      await this.#extend(Math.max(needed, roomy));
    } catch (error) {
      if (this.#suspect || roomy <= needed) throw error;
      await this.#extend(needed);
    }
  }

  /** Through a descriptor of its own, so that zeros are synced once and not write by write. */
  async #extend(to: number): Promise<void> {
    await withFile(this.#disk, this.#segment.path, 'write', async (file) => {
      try {
        for (let at = this.#prepared; at < to; at += zeros.length) {
          await file.write(zeros.subarray(0, Math.min(zeros.length, to - at)), at);
        }
      } catch (error) {
        await file.truncate(this.#prepared);
        throw error;
      }
      try {
        await file.syncData();
      } catch (error) {
        this.#suspect = true;
        throw error;
      }
    });
    this.#prepared = to;
  }

  /** Seals this segment at its end and goes on in a new one. Everything in it is durable. */
  async #rotate(next: Continuation): Promise<void> {
    await truncateDurably(this.#disk, this.#segment.path, this.#segment.end);
    this.#prepared = this.#segment.end;
    const path = join(this.#directory, segmentName(next.base));
    await createDurably(this.#disk, path, encodeSegmentHeader({ ...next, logId: this.#logId }));
    const file = await this.#disk.open(path, 'durably');
    const old = this.#file;
    this.#file = file;
    this.#prepared = SEGMENT_HEADER_BYTES;
    this.#segment = new Segment(this.#disk, path, next.base, SEGMENT_HEADER_BYTES, new SparseIndex());
    if (this.#segments.at(-1)?.base === next.base) this.#segments.pop();
    this.#segments.push(this.#segment);
    this.#suspect = false;
    await old.close();
  }

  /** Reads the durable part again: what was synced must be there. @throws LogDamage */
  async #readBack(): Promise<void> {
    const segment = this.#segment;
    await withFile(this.#disk, segment.path, 'read', async (file) => {
      for await (const chunk of scan(file, SEGMENT_HEADER_BYTES, () => segment.end)) {
        if (chunk.stop !== undefined) {
          throw new LogDamage({ file: segment.path, offset: chunk.end, what: chunk.stop });
        }
      }
    });
  }
}

export interface WriterOptions {
  readonly disk: Disk;
  readonly directory: string;
  readonly logId: string;
  readonly segmentBytes: number;
  /** Shared with readers; new segments are added to it. */
  readonly segments: Segment[];
  /** Size of the last segment's file. */
  readonly prepared: number;
}
