import type { Disk } from './disk.ts';
import { withFile } from './durable-file.ts';
import { LogDamage } from './failure.ts';
import { SEGMENT_HEADER_BYTES } from './format.ts';
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

/** A file of the log, as far as it is durable. */
export class Segment {
  readonly disk: Disk;
  readonly path: string;
  /** Position of its first event. */
  readonly base: number;
  /** Offset after the last durable group; grows in the last segment only. */
  end: number;
  #index: SparseIndex | undefined;
  #building: Promise<SparseIndex> | undefined;

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

  /** The index; built by reading the segment once where it was sealed before this start. @throws LogDamage */
  async index(): Promise<SparseIndex> {
    if (this.#index !== undefined) return this.#index;
    this.#building ??= indexOf(this).finally(() => {
      this.#building = undefined;
    });
    this.#index = await this.#building;
    return this.#index;
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
