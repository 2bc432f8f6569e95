import { coverOf, foldRight } from './compact-range.ts';
import { HASH_BYTES, type Hash, nodeHash } from './hash.ts';
import { hashInTile, TILE_WIDTH, type Tile } from './tile.ts';

/** A tile and its bytes. */
export interface FilledTile {
  readonly tile: Tile;
  readonly bytes: Uint8Array;
}

interface Level {
  bytes: Uint8Array;
  /** Hashes in the last, unfinished tile. */
  count: number;
}

const emptyLevel = (): Level => ({ bytes: new Uint8Array(TILE_WIDTH * HASH_BYTES), count: 0 });

/** A tree that leaves are added to, which hands over its tiles as they are filled. Keeps 8 KiB for each level of tiles. */
export class GrowingTree {
  readonly #levels: Level[] = [];
  #size: number;
  #filled: FilledTile[] = [];

  /**
   * @param size leaves that it has
   * @param partials hashes of the unfinished tile of each level, from 0 up, as they are for that size
   */
  constructor(size = 0, partials: readonly Uint8Array[] = []) {
    this.#size = size;
    for (const hashes of partials) {
      const level = emptyLevel();
      level.bytes.set(hashes);
      level.count = hashes.length / HASH_BYTES;
      this.#levels.push(level);
    }
  }

  get size(): number {
    return this.#size;
  }

  /** One that grows by itself from here on; tiles that were filled stay with this one. */
  copy(): GrowingTree {
    return new GrowingTree(
      this.#size,
      this.#levels.map(({ bytes, count }) => bytes.slice(0, count * HASH_BYTES)),
    );
  }

  /** @param leaf its hash */
  append(leaf: Hash): void {
    this.#add(0, leaf);
    this.#size += 1;
  }

  /** The tiles that were filled since the last call, in the order in which they were. */
  takeFilled(): readonly FilledTile[] {
    const filled = this.#filled;
    this.#filled = [];
    return filled;
  }

  /** The unfinished tiles: with the filled ones, all that a head of this size needs. */
  partials(): FilledTile[] {
    return this.#levels.flatMap(({ bytes, count }, level) => {
      if (count === 0) return [];
      const index = Math.floor(this.#size / TILE_WIDTH ** (level + 1));
      return [{ tile: { level, index, width: count }, bytes: bytes.slice(0, count * HASH_BYTES) }];
    });
  }

  root(): Hash {
    const hashes: Hash[] = [];
    for (const { bytes, count } of this.#levels.toReversed()) {
      for (const { level, index } of coverOf(0, count)) {
        hashes.push(hashInTile(bytes, index * 2 ** level, 2 ** level));
      }
    }
    return foldRight(hashes);
  }

  #add(level: number, hash: Hash): void {
    let row = this.#levels[level];
    if (row === undefined) {
      row = emptyLevel();
      this.#levels[level] = row;
    }
    row.bytes.set(hash, row.count * HASH_BYTES);
    row.count += 1;
    if (row.count < TILE_WIDTH) return;
    const { bytes } = row;
    const index = Math.floor(this.#size / TILE_WIDTH ** (level + 1));
    this.#filled.push({ tile: { level, index, width: TILE_WIDTH }, bytes });
    row.bytes = new Uint8Array(TILE_WIDTH * HASH_BYTES);
    row.count = 0;
    this.#add(level + 1, foldTile(bytes));
  }
}

/** The root of a full tile. */
const foldTile = (bytes: Uint8Array): Hash => {
  const row = bytes.slice();
  for (let count = TILE_WIDTH; count > 1; count /= 2) {
    for (let at = 0; at < count; at += 2) {
      const left = at * HASH_BYTES;
      const right = left + HASH_BYTES;
      row.set(nodeHash(row.subarray(left, right), row.subarray(right, right + HASH_BYTES)), left / 2);
    }
  }
  return row.slice(0, HASH_BYTES);
};
