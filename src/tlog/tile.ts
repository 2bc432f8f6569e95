import { foldRight, type Node } from './compact-range.ts';
import { TlogError } from './error.ts';
import { HASH_BYTES, type Hash, nodeHash } from './hash.ts';

/** Where the hashes and entries of a log are kept: C2SP tlog-tiles. */

/** Hashes in a full tile: a tile is a subtree of height 8. */
export const TILE_WIDTH = 256;
const TILE_HEIGHT = 8;

export interface Tile {
  /** 0 holds leaf hashes; each hash of a tile above is that of a full tile below. `entries` are the entries themselves. */
  readonly level: number | 'entries';
  readonly index: number;
  /** 1 to 256; less than 256 is a partial tile. */
  readonly width: number;
}

const indexPath = (index: number): string => {
  const groups = [String(index % 1000).padStart(3, '0')];
  for (let rest = Math.floor(index / 1000); rest > 0; rest = Math.floor(rest / 1000)) {
    groups.unshift(`x${String(rest % 1000).padStart(3, '0')}`);
  }
  return groups.join('/');
};

/** As `tile/0/x001/234.p/112`. */
export const tilePath = ({ level, index, width }: Tile): string =>
  `tile/${level}/${indexPath(index)}${width === TILE_WIDTH ? '' : `.p/${width}`}`;

const TILE_PATH = /^tile\/(0|[1-9]|[1-5]\d|6[0-3]|entries)\/((?:x\d{3}\/)*\d{3})(?:\.p\/([1-9]\d{0,2}))?$/;

/** @returns undefined for what is not the path of a tile */
export const parseTilePath = (path: string): Tile | undefined => {
  const [, level, groups, partial] = TILE_PATH.exec(path) ?? [];
  if (level === undefined || groups === undefined) return undefined;
  const tile: Tile = {
    level: level === 'entries' ? level : Number(level),
    index: Number(groups.replaceAll(/[x/]/g, '')),
    width: partial === undefined ? TILE_WIDTH : Number(partial),
  };
  return tilePath(tile) === path && (partial === undefined || tile.width < TILE_WIDTH) ? tile : undefined;
};

/** Hashes at a level of tiles in a tree: `floor(size / 256**level)`. */
const hashesAt = (level: number, size: number): number => Math.floor(size / TILE_WIDTH ** level);

/** The tile of a level that holds its hash number `hash` in a tree of `size` leaves: as wide as that tree makes it. */
export const tileHolding = (level: number, hash: number, size: number): Tile => {
  const index = Math.floor(hash / TILE_WIDTH);
  return { level, index, width: Math.min(TILE_WIDTH, hashesAt(level, size) - index * TILE_WIDTH) };
};

/** All tiles of hashes of a tree that one of `since` leaves has not, in order of level and index. */
export const tilesSince = (since: number, size: number): Tile[] => {
  const tiles: Tile[] = [];
  for (let level = 0; hashesAt(level, size) > 0; level += 1) {
    const had = hashesAt(level, since);
    const has = hashesAt(level, size);
    if (had === has) continue;
    for (let hash = Math.floor(had / TILE_WIDTH) * TILE_WIDTH; hash < has; hash += TILE_WIDTH) {
      tiles.push(tileHolding(level, hash, size));
    }
  }
  return tiles;
};

/** Where a perfect subtree is in the tiles: it is the fold of `count` hashes of a tile, from `first` on. */
export interface TileNode {
  readonly tile: Tile;
  readonly first: number;
  readonly count: number;
}

export const tileNodeOf = ({ level, index }: Node, size: number): TileNode => {
  const count = 2 ** (level % TILE_HEIGHT);
  const hash = index * count;
  return { tile: tileHolding(Math.floor(level / TILE_HEIGHT), hash, size), first: hash % TILE_WIDTH, count };
};

/** The hash of a perfect subtree, from the bytes of the tile that holds it. @throws TlogError for too few bytes */
export const hashInTile = (bytes: Uint8Array, first: number, count: number): Hash => {
  if (bytes.length < (first + count) * HASH_BYTES) {
    throw new TlogError(`a tile of ${bytes.length} bytes ends before hash ${first + count - 1}`);
  }
  let row: Hash[] = [];
  for (let at = first; at < first + count; at += 1) {
    row.push(bytes.slice(at * HASH_BYTES, (at + 1) * HASH_BYTES));
  }
  for (; row.length > 1; ) {
    const pairs: Hash[] = [];
    for (let at = 0; at < row.length; at += 2) pairs.push(foldPair(row[at], row[at + 1]));
    row = pairs;
  }
  return foldRight(row);
};

const foldPair = (left: Hash | undefined, right: Hash | undefined): Hash => {
  if (left === undefined || right === undefined) throw new TlogError('a subtree of a tile has 2^n hashes');
  return nodeHash(left, right);
};

/** The longest entry that a bundle can hold; its length has 16 bits. */
export const MAX_ENTRY_BYTES = 65_535;

/** The bytes of an entry bundle. @throws TlogError for an entry that is too long for one */
export const encodeBundle = (entries: readonly Uint8Array[]): Buffer => {
  const parts: Uint8Array[] = [];
  for (const entry of entries) {
    if (entry.length > MAX_ENTRY_BYTES) {
      throw new TlogError(`an entry of ${entry.length} bytes is too long for a bundle (${MAX_ENTRY_BYTES})`);
    }
    const length = Buffer.alloc(2);
    length.writeUInt16BE(entry.length);
    parts.push(length, entry);
  }
  return Buffer.concat(parts);
};

/** The entries of a bundle. @throws TlogError where it is cut short */
export const decodeBundle = (bytes: Uint8Array): Uint8Array[] => {
  const entries: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = at + 2 + (bytes[at] ?? 0) * 256 + (bytes[at + 1] ?? 0);
    if (at + 2 > bytes.length || end > bytes.length) throw new TlogError('an entry bundle is cut short');
    entries.push(bytes.slice(at + 2, end));
    at = end;
  }
  return entries;
};
