import { position } from '../../domain/identity.ts';
import { Rejection } from '../../domain/rejection.ts';
import type { LeafSource } from '../../engine/ports/proofs.ts';
import type { Node } from '../../tlog/compact-range.ts';
import { type FilledTile, GrowingTree } from '../../tlog/growing-tree.ts';
import { HASH_BYTES, type Hash, hashHex } from '../../tlog/hash.ts';
import { hashInTile, TILE_WIDTH, type Tile, tileNodeOf, tilePath } from '../../tlog/tile.ts';
import type { TileFiles } from './tile-files.ts';

/** A tree that was signed, to hold what is on disk against. */
export interface KnownTree {
  readonly size: number;
  /** Hexadecimal. */
  readonly root: string;
}

/**
 * The tree over the log, as far as it was hashed. What is in its tiles comes from the log and can be made again; calls
 * must not overlap.
 */
export class LogTree {
  readonly #leaves: LeafSource;
  readonly #tiles: TileFiles;
  #tree: GrowingTree | undefined;

  constructor(leaves: LeafSource, tiles: TileFiles) {
    this.#leaves = leaves;
    this.#tiles = tiles;
  }

  /**
   * Goes on from a tree that was signed: from its tiles, and where they don't give its root, from the log.
   * @param horizon first position of the log that can be read
   * @returns whether the log gives its root
   */
  async resume(known: KnownTree, horizon: number): Promise<boolean> {
    if (this.#tree !== undefined) return true;
    const resumed = await this.#fromTiles(known.size);
    const leads = resumed !== undefined && hashHex(resumed.root()) === known.root;
    if (leads && (await this.#endsAlike(known.size, horizon))) {
      this.#tree = resumed;
      return true;
    }
    return this.rebuild(known, horizon);
  }

  /** Makes all tiles again, from the log. @returns whether it gives the root of a signed tree */
  async rebuild(known: KnownTree, horizon: number): Promise<boolean> {
    const begun = horizon === 0 ? new GrowingTree() : await this.#fromTiles(horizon);
    if (begun === undefined) {
      throw new Rejection(
        'data-loss',
        `the tree over the events below the horizon ${horizon} is damaged, and these events were pruned; bring back ${hintOf(horizon)} from a copy`,
      );
    }
    // The tiles go only when the log is known to give them back: of a log that was changed they remember what it was.
    const tried = begun.copy();
    await this.#grow(tried, known.size, false);
    if (hashHex(tried.root()) !== known.root) return false;
    if (horizon === 0) await this.#tiles.clear();
    await this.#grow(begun, known.size);
    await this.#save(begun);
    this.#tree = begun;
    return true;
  }

  /** Forgets all of it. */
  async reset(): Promise<void> {
    this.#tree = undefined;
    await this.#tiles.clear();
  }

  /** Adds the events up to `size`, and keeps the tiles of a tree of that size. @returns its root */
  async growTo(size: number): Promise<Hash> {
    this.#tree ??= new GrowingTree();
    const tree = this.#tree;
    try {
      await this.#grow(tree, size);
      await this.#save(tree);
    } catch (error) {
      // What is in memory may be ahead of the tiles.
      this.#tree = undefined;
      throw error;
    }
    return tree.root();
  }

  /** Hashes of subtrees of a tree of `size` leaves that was signed. @throws MissingTile */
  source(size: number): (nodes: readonly Node[]) => Promise<readonly Hash[]> {
    const read = new Map<string, Buffer>();
    return async (nodes) => {
      const hashes: Hash[] = [];
      for (const node of nodes) {
        const { tile, first, count } = tileNodeOf(node, size);
        const path = tilePath(tile);
        const bytes = read.get(path) ?? (await this.tile(tile));
        read.set(path, bytes);
        hashes.push(hashInTile(bytes, first, count));
      }
      return hashes;
    };
  }

  /** The same, or undefined where it is missing. */
  peek(tile: Tile): Promise<Buffer | undefined> {
    return this.#tiles.read(tile);
  }

  /** @throws MissingTile */
  async tile(tile: Tile): Promise<Buffer> {
    const bytes = await this.#tiles.read(tile);
    if (bytes === undefined) throw new MissingTile(tilePath(tile));
    return bytes;
  }

  async #grow(tree: GrowingTree, size: number, keep = true): Promise<void> {
    const [from, to] = [position(BigInt(tree.size)), position(BigInt(size))];
    for await (const { hashes } of this.#leaves.leaves(from, to)) {
      for (let at = 0; at < hashes.length; at += HASH_BYTES)
        tree.append(hashes.subarray(at, at + HASH_BYTES));
      const filled = tree.takeFilled();
      if (keep) await this.#write(filled);
    }
  }

  async #write(filled: readonly FilledTile[]): Promise<void> {
    for (const { tile, bytes } of filled) {
      await this.#tiles.write(tile, bytes);
      await this.#tiles.dropPartials(tile);
    }
  }

  async #save(tree: GrowingTree): Promise<void> {
    for (const { tile, bytes } of tree.partials()) await this.#tiles.write(tile, bytes);
  }

  /** The tree of a size from its tiles; unfinished ones that are missing are made again where they can be. */
  async #fromTiles(size: number): Promise<GrowingTree | undefined> {
    const partials: Uint8Array[] = [];
    for (let level = 0; Math.floor(size / TILE_WIDTH ** level) > 0; level += 1) {
      const hashes = await this.#partial(level, size);
      if (hashes === undefined) return undefined;
      partials.push(hashes);
    }
    return new GrowingTree(size, partials);
  }

  async #partial(level: number, size: number): Promise<Uint8Array | undefined> {
    const count = Math.floor(size / TILE_WIDTH ** level);
    const width = count % TILE_WIDTH;
    if (width === 0) return new Uint8Array();
    const index = Math.floor(count / TILE_WIDTH);
    const kept = await this.#tiles.read({ level, index, width });
    if (kept !== undefined) return kept;
    return level === 0
      ? this.#leavesFrom(count - width, count)
      : this.#foldBelow(level, count - width, count);
  }

  /** Whether the last events below a size are those that the tree has: a look at the end, `verify` looks at all. */
  async #endsAlike(size: number, horizon: number): Promise<boolean> {
    const index = Math.floor(Math.max(size - 1, 0) / TILE_WIDTH);
    const first = index * TILE_WIDTH;
    const from = Math.max(first, horizon);
    if (from >= size) return true;
    const kept = await this.#tiles.read({ level: 0, index, width: size - first });
    return kept?.subarray((from - first) * HASH_BYTES).equals(await this.#leavesFrom(from, size)) === true;
  }

  async #leavesFrom(from: number, to: number): Promise<Uint8Array> {
    const parts: Uint8Array[] = [];
    for await (const { hashes } of this.#leaves.leaves(position(BigInt(from)), position(BigInt(to)))) {
      parts.push(hashes.slice());
    }
    return Buffer.concat(parts);
  }

  async #foldBelow(level: number, from: number, to: number): Promise<Uint8Array | undefined> {
    const hashes: Hash[] = [];
    for (let index = from; index < to; index += 1) {
      const bytes = await this.#tiles.read({ level: level - 1, index, width: TILE_WIDTH });
      if (bytes === undefined) return undefined;
      hashes.push(hashInTile(bytes, 0, TILE_WIDTH));
    }
    return Buffer.concat(hashes);
  }
}

/** A tile that should be there is not: the tree is to be made again. */
export class MissingTile extends Error {
  constructor(path: string) {
    super(`${path} is missing`);
    this.name = 'MissingTile';
  }
}

const hintOf = (horizon: number): string => `log/tree/tile (of at least ${horizon} events)`;
