import type { Disk } from './disk.ts';
import { withFile } from './durable-file.ts';
import { LogDamage } from './failure.ts';
import { GROUP_HEADER_BYTES, GROUP_MAGIC, SEGMENT_HEADER_BYTES } from './format.ts';
import { firstOf } from './group.ts';
import { scan } from './scan.ts';

/** Bytes between two entries of the index: how much is read at most to find a position. */
const INDEX_STEP_BYTES = 256 * 1024;

/** Where some of the groups of a segment begin; 16 bytes for each 256 KiB. */
export class SparseIndex {
  readonly #positions: number[] = [];
  readonly #offsets: number[] = [];

  /** Called for groups in order; keeps one now and then. */
  note(position: number, offset: number): void {
    const last = this.#offsets.at(-1);
    if (last !== undefined && offset - last < INDEX_STEP_BYTES) return;
    this.#positions.push(position);
    this.#offsets.push(offset);
  }

  /** The blocks from one kept group to the next, in order; the last one is open. */
  get starts(): readonly number[] {
    return this.#offsets;
  }

  /** Number of the block that a position is in. */
  blockOf(position: number): number {
    const after = this.#positions.findIndex((kept) => kept > position);
    return Math.max(0, (after === -1 ? this.#positions.length : after) - 1);
  }

  positionOf(block: number): number {
    return this.#positions[block] ?? 0;
  }
}

/** A quicker way to a sealed segment's index than reading all of the segment. */
export interface Shortcut {
  find(): Promise<SparseIndex | undefined>;
  /** To be told when the index leads astray. */
  distrust(): Promise<void>;
}

/** A file of the log, as far as it is durable. */
export class Segment {
  readonly disk: Disk;
  readonly path: string;
  /** Position of its first event. */
  readonly base: number;
  /** Offset after the last durable group; grows in the last segment only. */
  end: number;
  shortcut: Shortcut | undefined;
  #index: SparseIndex | undefined;
  #building: Promise<SparseIndex> | undefined;
  #indexIsCopied = false;

  constructor(disk: Disk, path: string, base: number, end: number, index?: SparseIndex) {
    this.disk = disk;
    this.path = path;
    this.base = base;
    this.end = end;
    this.#index = index;
  }

  /** Notes a group that has become durable. */
  note(position: number, offset: number): void {
    this.#index?.note(position, offset);
  }

  /** Whether all of it is known to be right: it was read at the start, or written since. */
  get live(): boolean {
    return this.#index !== undefined && !this.#indexIsCopied;
  }

  /** The index; built by reading the segment once where it was sealed before this start. @throws LogDamage */
  async index(): Promise<SparseIndex> {
    if (this.#index !== undefined) return this.#index;
    this.#building ??= this.#build().finally(() => {
      this.#building = undefined;
    });
    this.#index = await this.#building;
    return this.#index;
  }

  /** A group at or before a position, from where reading may begin. @throws LogDamage */
  async startOf(position: number): Promise<{ readonly offset: number; readonly position: number }> {
    const beginning = { offset: SEGMENT_HEADER_BYTES, position: this.base };
    if (position === this.base) return beginning;
    const index = await this.index();
    const block = index.blockOf(position);
    const offset = index.starts[block];
    if (offset === undefined) return beginning;
    const start = { offset, position: index.positionOf(block) };
    if (!this.#indexIsCopied || (await this.#begins(start))) return start;
    this.#index = undefined;
    await this.shortcut?.distrust();
    this.shortcut = undefined;
    return this.startOf(position);
  }

  async #build(): Promise<SparseIndex> {
    const found = await this.shortcut?.find();
    this.#indexIsCopied = found !== undefined;
    return found ?? indexOf(this);
  }

  /** Whether a group with this position begins there. */
  #begins({ offset, position }: { readonly offset: number; readonly position: number }): Promise<boolean> {
    return withFile(this.disk, this.path, 'read', async (file) => {
      const bytes = Buffer.alloc(GROUP_HEADER_BYTES);
      const length = await file.read(bytes, offset);
      const whole = length === bytes.length && bytes.readUInt32LE(0) === GROUP_MAGIC;
      return whole && firstOf(bytes, 0) === position;
    });
  }
}

const indexOf = (segment: Segment): Promise<SparseIndex> =>
  withFile(segment.disk, segment.path, 'read', async (file) => {
    const index = new SparseIndex();
    for await (const chunk of scan(file, SEGMENT_HEADER_BYTES, () => segment.end)) {
      for (const at of chunk.groups) index.note(firstOf(chunk.bytes, at), chunk.offset + at);
      if (chunk.stop !== undefined) {
        throw new LogDamage({ file: segment.path, offset: chunk.end, what: chunk.stop });
      }
    }
    return index;
  });
