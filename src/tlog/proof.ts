import { CompactRange, coverOf, foldRight, type Node, splitOf } from './compact-range.ts';
import { TlogError } from './error.ts';
import { EMPTY_ROOT, type Hash, nodeHash, sameHash } from './hash.ts';

/** Proofs of RFC 6962 and RFC 9162, section 2.1.3 (inclusion) and 2.1.4 (consistency), and of ranges. */

/** Gives the hashes of perfect subtrees, in the order asked; all of them lie within the tree. */
export type NodeSource = (nodes: readonly Node[]) => Promise<readonly Hash[]>;

interface Range {
  readonly begin: number;
  readonly end: number;
}

/** PATH(index, D[begin:end]): the siblings from the leaf up. */
const inclusionRanges = (index: number, begin: number, end: number): Range[] => {
  if (end - begin <= 1) return [];
  const middle = begin + splitOf(end - begin);
  return index < middle
    ? [...inclusionRanges(index, begin, middle), { begin: middle, end }]
    : [...inclusionRanges(index, middle, end), { begin, end: middle }];
};

/** SUBPROOF(old, D[begin:end], whole): `whole` while the old root is known to the verifier. */
const consistencyRanges = (old: number, begin: number, end: number, whole: boolean): Range[] => {
  if (old === end) return whole ? [] : [{ begin, end }];
  const middle = begin + splitOf(end - begin);
  return old <= middle
    ? [...consistencyRanges(old, begin, middle, whole), { begin: middle, end }]
    : [...consistencyRanges(old, middle, end, false), { begin, end: middle }];
};

const hashesOf = async (ranges: readonly Range[], source: NodeSource): Promise<Hash[]> => {
  const covers = ranges.map(({ begin, end }) => coverOf(begin, end));
  const hashes = await source(covers.flat());
  let taken = 0;
  return covers.map((cover) => {
    taken += cover.length;
    return foldRight(hashes.slice(taken - cover.length, taken));
  });
};

/** @throws TlogError for a leaf that is not in the tree */
export const proveInclusion = (index: number, size: number, source: NodeSource): Promise<readonly Hash[]> => {
  if (index < 0 || index >= size) throw new TlogError(`leaf ${index} is not in a tree of ${size} leaves`);
  return hashesOf(inclusionRanges(index, 0, size), source);
};

/** @throws TlogError where the older tree is the larger */
export const proveConsistency = (
  older: number,
  newer: number,
  source: NodeSource,
): Promise<readonly Hash[]> => {
  if (older < 0 || older > newer)
    throw new TlogError(`a tree of ${older} leaves is no beginning of one of ${newer}`);
  return hashesOf(older === 0 ? [] : consistencyRanges(older, 0, newer, true), source);
};

/** What proves that leaves stand together at their place in a tree. */
export interface RangeProof {
  /** Of the cover of what is before them, from left to right. */
  readonly left: readonly Hash[];
  /** Of the cover of what is after them. */
  readonly right: readonly Hash[];
}

/** Proves the leaves from `from` to `to` (exclusive). @throws TlogError for a range outside the tree */
export const proveRange = async (
  from: number,
  to: number,
  size: number,
  source: NodeSource,
): Promise<RangeProof> => {
  if (from < 0 || from > to || to > size) {
    throw new TlogError(`the leaves ${from} to ${to} are not in a tree of ${size} leaves`);
  }
  const before = coverOf(0, from);
  const hashes = await source([...before, ...coverOf(to, size)]);
  return { left: hashes.slice(0, before.length), right: hashes.slice(before.length) };
};

/** The root that a range proof gives with its leaves. @throws TlogError where the numbers of hashes don't fit */
export const rootOfRange = (leaves: CompactRange, size: number, { left, right }: RangeProof): Hash => {
  if (leaves.end > size) throw new TlogError(`the leaves end at ${leaves.end}, after the tree of ${size}`);
  const whole = CompactRange.of(0, leaves.begin, left);
  whole.merge(leaves);
  whole.merge(CompactRange.of(leaves.end, size, right));
  return whole.root();
};

const isOdd = (value: number): boolean => value % 2 === 1;
const half = (value: number): number => Math.floor(value / 2);

/** RFC 9162, 2.1.3.2. @param leaf the hash of the leaf */
export const verifyInclusion = (
  leaf: Hash,
  index: number,
  size: number,
  proof: readonly Hash[],
  root: Hash,
): boolean => {
  if (!Number.isSafeInteger(index) || index < 0 || index >= size) return false;
  let fn = index;
  let sn = size - 1;
  let hash = leaf;
  for (const sibling of proof) {
    if (sn === 0) return false;
    if (isOdd(fn) || fn === sn) {
      hash = nodeHash(sibling, hash);
      while (!isOdd(fn) && fn !== 0) {
        fn = half(fn);
        sn = half(sn);
      }
    } else {
      hash = nodeHash(hash, sibling);
    }
    fn = half(fn);
    sn = half(sn);
  }
  return sn === 0 && sameHash(hash, root);
};

/** A size and the root of that many leaves. */
export interface TreeHead {
  readonly size: number;
  readonly root: Hash;
}

/**
 * RFC 9162, 2.1.4.2: whether the newer tree begins with the older one. Two of the same size must be equal; the empty
 * tree begins every other. Both need an empty proof.
 */
export const verifyConsistency = (older: TreeHead, newer: TreeHead, proof: readonly Hash[]): boolean => {
  if (older.size > newer.size) return false;
  if (older.size === newer.size) return proof.length === 0 && sameHash(older.root, newer.root);
  if (older.size === 0) return proof.length === 0 && sameHash(older.root, EMPTY_ROOT);
  const isPower = older.size === splitOf(older.size + 1);
  const [first, ...rest] = isPower ? [older.root, ...proof] : proof;
  if (first === undefined || proof.length === 0) return false;
  let fn = older.size - 1;
  let sn = newer.size - 1;
  while (isOdd(fn)) {
    fn = half(fn);
    sn = half(sn);
  }
  let olderRoot = first;
  let newerRoot = first;
  for (const hash of rest) {
    if (sn === 0) return false;
    if (isOdd(fn) || fn === sn) {
      olderRoot = nodeHash(hash, olderRoot);
      newerRoot = nodeHash(hash, newerRoot);
      while (!isOdd(fn) && fn !== 0) {
        fn = half(fn);
        sn = half(sn);
      }
    } else {
      newerRoot = nodeHash(newerRoot, hash);
    }
    fn = half(fn);
    sn = half(sn);
  }
  return sn === 0 && sameHash(olderRoot, older.root) && sameHash(newerRoot, newer.root);
};
