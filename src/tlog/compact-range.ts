import { TlogError } from './error.ts';
import { EMPTY_ROOT, type Hash, nodeHash } from './hash.ts';

/** A perfect subtree: it covers the leaves from `index * 2**level` to `(index + 1) * 2**level`. */
export interface Node {
  readonly level: number;
  readonly index: number;
}

/** The largest power of two below `size`, which is at least 2: where RFC 6962 divides a tree. */
export const splitOf = (size: number): number => {
  let split = 1;
  while (split * 2 < size) split *= 2;
  return split;
};

/** The fewest perfect subtrees that together cover the leaves from `begin` to `end` (exclusive), from left to right. */
export const coverOf = (begin: number, end: number): Node[] => {
  const nodes: Node[] = [];
  for (let at = begin; at < end; ) {
    let level = 0;
    let width = 1;
    while (at % (width * 2) === 0 && at + width * 2 <= end) {
      width *= 2;
      level += 1;
    }
    nodes.push({ level, index: at / width });
    at += width;
  }
  return nodes;
};

/** Hashes from left to right as one, the way RFC 6962 hangs smaller trees to the right of larger ones. */
export const foldRight = (hashes: readonly Hash[]): Hash => {
  let folded = hashes.at(-1);
  if (folded === undefined) return EMPTY_ROOT;
  for (let at = hashes.length - 2; at >= 0; at -= 1) {
    const left = hashes[at];
    if (left !== undefined) folded = nodeHash(left, folded);
  }
  return folded;
};

/**
 * The leaves from `begin` to `end`, as the hashes of their cover: all that is needed to go on appending, or to be merged
 * with the range that follows. Positions are exact below 2^53.
 */
export class CompactRange {
  readonly begin: number;
  #end: number;
  readonly #levels: number[] = [];
  readonly #hashes: Hash[] = [];

  constructor(begin = 0) {
    this.begin = begin;
    this.#end = begin;
  }

  /**
   * A range of which the hashes are known.
   * @param hashes of {@link coverOf}`(begin, end)`
   * @throws TlogError for another number of them
   */
  static of(begin: number, end: number, hashes: readonly Hash[]): CompactRange {
    const cover = coverOf(begin, end);
    if (cover.length !== hashes.length) {
      throw new TlogError(
        `the leaves ${begin} to ${end} are covered by ${cover.length} hashes, not ${hashes.length}`,
      );
    }
    const range = new CompactRange(begin);
    for (const [at, { level }] of cover.entries()) {
      const hash = hashes[at];
      if (hash !== undefined) range.#push(level, hash);
    }
    return range;
  }

  get end(): number {
    return this.#end;
  }

  /** Of {@link coverOf}`(begin, end)`. */
  get hashes(): readonly Hash[] {
    return this.#hashes;
  }

  /** @param leaf its hash */
  append(leaf: Hash): void {
    this.#push(0, leaf);
  }

  /** Adds the range that begins where this one ends. @throws TlogError where it begins elsewhere */
  merge(following: CompactRange): void {
    if (following.begin !== this.#end) {
      throw new TlogError(`a range from ${following.begin} does not follow one that ends at ${this.#end}`);
    }
    const hashes = [...following.#hashes];
    for (const [at, level] of [...following.#levels].entries()) {
      const hash = hashes[at];
      if (hash !== undefined) this.#push(level, hash);
    }
  }

  copy(): CompactRange {
    const copied = new CompactRange(this.begin);
    copied.merge(this);
    return copied;
  }

  /** MTH of the leaves, for a range from 0. @throws TlogError for another */
  root(): Hash {
    if (this.begin !== 0) throw new TlogError(`a range from ${this.begin} has no root; one from 0 has`);
    return foldRight(this.#hashes);
  }

  /** Adds a perfect subtree at the end, joined with what it completes. */
  #push(level: number, hash: Hash): void {
    let joined = hash;
    let height = level;
    const end = this.#end + 2 ** level;
    // A left sibling ends where an odd subtree begins; the cover holds it whole, or the range begins inside it.
    while (this.#levels.at(-1) === height && (end / 2 ** height) % 2 === 0) {
      const left = this.#hashes.pop();
      if (left === undefined) break;
      this.#levels.pop();
      joined = nodeHash(left, joined);
      height += 1;
    }
    this.#levels.push(height);
    this.#hashes.push(joined);
    this.#end = end;
  }
}
