/**
 * The nodes of a hash array mapped trie (Bagwell, "Ideal Hash Trees", 2001), which are never changed: `insert` and
 * `without` share all but one path with the trie they start from. Iteration order is that of the hashes: the same on every
 * machine, and of no meaning.
 */

const BITS = 5;
const MASK = 31;

export interface Leaf<V> {
  readonly kind: 'leaf';
  readonly hash: number;
  readonly key: string;
  readonly value: V;
}

/** A leaf whose value stays text until it is first looked at. */
export class LateLeaf<V> implements Leaf<V> {
  readonly kind = 'leaf';
  readonly hash: number;
  readonly key: string;
  readonly #read: (text: string) => V;
  #held: { readonly text: string } | { readonly value: V };

  constructor(key: string, text: string, read: (text: string) => V) {
    this.hash = hashOf(key);
    this.key = key;
    this.#read = read;
    this.#held = { text };
  }

  get value(): V {
    if ('text' in this.#held) this.#held = { value: this.#read(this.#held.text) };
    return this.#held.value;
  }
}

interface Collision<V> {
  readonly kind: 'collision';
  readonly hash: number;
  readonly leaves: readonly Leaf<V>[];
}
interface Branch<V> {
  readonly kind: 'branch';
  readonly bitmap: number;
  readonly children: readonly Node<V>[];
}
export type Node<V> = Leaf<V> | Collision<V> | Branch<V>;

/** FNV-1a over UTF-16 code units with a final mix, so that short keys use the high bits too. */
const computedHash = (key: string): number => {
  let hash = 0x811c9dc5;
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  return hash ^ (hash >>> 13);
};

/** Hashes of keys met lately: those of an event come up several times, and are long. A key has one place in it. */
const REMEMBERED = 1024;
const rememberedKeys: string[] = new Array(REMEMBERED).fill('');
const rememberedHashes = new Int32Array(REMEMBERED);
/** Shorter keys are hashed sooner than they are looked up. Longer ones would be held in memory for long. */
const WORTH = { least: 16, most: 512 };

export const hashOf = (key: string): number => {
  const { length } = key;
  if (length < WORTH.least || length > WORTH.most) return computedHash(key);
  // Ids differ in their last characters; some keys end with a space.
  const ending =
    key.charCodeAt(length - 2) ^ (key.charCodeAt(length - 3) << 3) ^ (key.charCodeAt(length - 4) << 6);
  const place = (ending ^ Math.imul(length, 37)) & (REMEMBERED - 1);
  if (rememberedKeys[place] === key) return rememberedHashes[place] ?? 0;
  const hash = computedHash(key);
  rememberedKeys[place] = key;
  rememberedHashes[place] = hash;
  return hash;
};

const popcount = (bits: number): number => {
  let n = bits - ((bits >>> 1) & 0x55555555);
  n = (n & 0x33333333) + ((n >>> 2) & 0x33333333);
  return Math.imul((n + (n >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
};

const bitOf = (hash: number, shift: number): number => 1 << ((hash >>> shift) & MASK);
const slotOf = (bitmap: number, bit: number): number => popcount(bitmap & (bit - 1));

const replaced = <T>(items: readonly T[], index: number, item: T): readonly T[] => {
  const copy = items.slice();
  copy[index] = item;
  return copy;
};

/** Two nodes of different hash under as many branches as it takes to tell them apart. */
const fork = <V>(one: Leaf<V> | Collision<V>, two: Leaf<V>, shift: number): Node<V> => {
  const a = bitOf(one.hash, shift);
  const b = bitOf(two.hash, shift);
  if (a === b) return { kind: 'branch', bitmap: a, children: [fork(one, two, shift + BITS)] };
  const first = ((one.hash >>> shift) & MASK) < ((two.hash >>> shift) & MASK);
  return { kind: 'branch', bitmap: a | b, children: first ? [one, two] : [two, one] };
};

export const insert = <V>(node: Node<V> | undefined, leaf: Leaf<V>, shift: number): Node<V> => {
  if (node === undefined) return leaf;
  switch (node.kind) {
    case 'leaf':
      if (node.key === leaf.key) return leaf;
      if (node.hash === leaf.hash) return { kind: 'collision', hash: leaf.hash, leaves: [node, leaf] };
      return fork(node, leaf, shift);
    case 'collision': {
      if (node.hash !== leaf.hash) return fork(node, leaf, shift);
      const at = node.leaves.findIndex((other) => other.key === leaf.key);
      return { ...node, leaves: at < 0 ? [...node.leaves, leaf] : replaced(node.leaves, at, leaf) };
    }
    case 'branch': {
      const bit = bitOf(leaf.hash, shift);
      const slot = slotOf(node.bitmap, bit);
      if ((node.bitmap & bit) === 0) {
        return {
          kind: 'branch',
          bitmap: node.bitmap | bit,
          children: node.children.toSpliced(slot, 0, leaf),
        };
      }
      const child = insert(node.children[slot], leaf, shift + BITS);
      return { kind: 'branch', bitmap: node.bitmap, children: replaced(node.children, slot, child) };
    }
  }
};

/** Where some lie below a branch, by the bits of their hashes from `shift` on. */
const slotsOf = <T extends { readonly hash: number }>(
  some: readonly T[],
  shift: number,
): (T[] | undefined)[] => {
  const slots: (T[] | undefined)[] = new Array(MASK + 1);
  for (const one of some) {
    const slot = (one.hash >>> shift) & MASK;
    const others = slots[slot];
    if (others === undefined) slots[slot] = [one];
    else others.push(one);
  }
  return slots;
};

/** The trie of many leaves, no two with one key, as `insert` would make it one by one; without the copies of that. */
export const built = <V>(leaves: readonly Leaf<V>[], shift = 0): Node<V> | undefined => {
  const [first] = leaves;
  if (first === undefined || leaves.length === 1) return first;
  if (leaves.every(({ hash }) => hash === first.hash)) return { kind: 'collision', hash: first.hash, leaves };
  let bitmap = 0;
  const children: Node<V>[] = [];
  for (const [slot, some] of slotsOf(leaves, shift).entries()) {
    const child = some && built(some, shift + BITS);
    if (child === undefined) continue;
    bitmap |= 1 << slot;
    children.push(child);
  }
  return { kind: 'branch', bitmap, children };
};

export const without = <V>(node: Node<V>, key: string, hash: number, shift: number): Node<V> | undefined => {
  switch (node.kind) {
    case 'leaf':
      return node.key === key ? undefined : node;
    case 'collision': {
      const leaves = node.leaves.filter((leaf) => leaf.key !== key);
      if (leaves.length === node.leaves.length) return node;
      return leaves.length === 1 ? leaves[0] : { ...node, leaves };
    }
    case 'branch': {
      const bit = bitOf(hash, shift);
      if ((node.bitmap & bit) === 0) return node;
      const slot = slotOf(node.bitmap, bit);
      const child = node.children[slot];
      if (child === undefined) return node;
      const next = without(child, key, hash, shift + BITS);
      if (next === child) return node;
      const children =
        next === undefined ? node.children.toSpliced(slot, 1) : replaced(node.children, slot, next);
      const only = children[0];
      if (only === undefined) return undefined;
      if (children.length === 1 && only.kind !== 'branch') return only;
      const bitmap = next === undefined ? node.bitmap & ~bit : node.bitmap;
      return { kind: 'branch', bitmap, children };
    }
  }
};

/** A leaf to be put in, or a key to be taken out. */
export type Change<V> = Leaf<V> | { readonly kind: 'gone'; readonly hash: number; readonly key: string };

const changedByOne = <V>(
  node: Node<V> | undefined,
  change: Change<V>,
  shift: number,
  count: Count,
): Node<V> | undefined => {
  const { key, hash } = change;
  const known = find(node, key, hash, shift) !== undefined;
  if (change.kind === 'leaf') {
    if (!known) count.grown += 1;
    return insert(node, change, shift);
  }
  if (!known || node === undefined) return node;
  count.grown -= 1;
  return without(node, key, hash, shift);
};

/** How many leaves a trie has more than before. */
export interface Count {
  grown: number;
}

/**
 * A trie after many changes, no two of one key, as `insert` and `without` would make it one by one: a branch is copied once
 * for all that lies below it.
 */
export const changed = <V>(
  node: Node<V> | undefined,
  changes: readonly Change<V>[],
  shift: number,
  count: Count,
): Node<V> | undefined => {
  const [first] = changes;
  if (first === undefined) return node;
  if (changes.length === 1) return changedByOne(node, first, shift, count);
  if (node?.kind !== 'branch') {
    let next: Node<V> | undefined = node;
    for (const change of changes) next = changedByOne(next, change, shift, count);
    return next;
  }
  const slots = slotsOf(changes, shift);
  const children: Node<V>[] = [];
  let bitmap = 0;
  let old = 0;
  let different = false;
  for (let slot = 0; slot <= MASK; slot += 1) {
    const bit = 1 << slot;
    const child = (node.bitmap & bit) === 0 ? undefined : node.children[old++];
    const some = slots[slot];
    const next = some === undefined ? child : changed(child, some, shift + BITS, count);
    different ||= next !== child;
    if (next === undefined) continue;
    bitmap |= bit;
    children.push(next);
  }
  if (!different) return node;
  const [only] = children;
  if (only === undefined || (children.length === 1 && only.kind !== 'branch')) return only;
  return { kind: 'branch', bitmap, children };
};

export const find = <V>(
  root: Node<V> | undefined,
  key: string,
  hash: number,
  from = 0,
): Leaf<V> | undefined => {
  let node = root;
  for (let shift = from; node !== undefined; shift += BITS) {
    if (node.kind === 'leaf') return node.key === key ? node : undefined;
    if (node.kind === 'collision') return node.leaves.find((leaf) => leaf.key === key);
    const bit = bitOf(hash, shift);
    node = (node.bitmap & bit) === 0 ? undefined : node.children[slotOf(node.bitmap, bit)];
  }
  return undefined;
};

/** Goes over leaves in the order of their hashes. By hand, since a generator in a generator shows in a replay. */
export class Walk<V, T> implements IterableIterator<T, undefined> {
  readonly #take: (leaf: Leaf<V>) => T;
  /** From the root to where the walk is: nodes beside one another, and how many of them are behind it. */
  readonly #levels: (readonly Node<V>[])[] = [];
  readonly #passed: number[] = [];

  constructor(root: Node<V> | undefined, take: (leaf: Leaf<V>) => T) {
    this.#take = take;
    if (root !== undefined) this.#enter([root]);
  }

  #enter(nodes: readonly Node<V>[]): void {
    this.#levels.push(nodes);
    this.#passed.push(0);
  }

  next(): IteratorResult<T, undefined> {
    for (let last = this.#levels.length - 1; last >= 0; last = this.#levels.length - 1) {
      const at = this.#passed[last] ?? 0;
      const node = this.#levels[last]?.[at];
      if (node === undefined) {
        this.#levels.pop();
        this.#passed.pop();
        continue;
      }
      this.#passed[last] = at + 1;
      if (node.kind === 'leaf') return { done: false, value: this.#take(node) };
      this.#enter(node.kind === 'branch' ? node.children : node.leaves);
    }
    return { done: true, value: undefined };
  }

  [Symbol.iterator](): this {
    return this;
  }
}
const leaves = <V>(node: Node<V> | undefined) => new Walk(node, (leaf: Leaf<V>) => leaf);

/** A key whose values in two maps are not the same one. */
export interface Difference<V> {
  readonly key: string;
  readonly before?: V;
  readonly after?: V;
}

/** Leaves that are not the same in two nodes at the same place of a trie; parts that they share are not looked into. */
export function* unshared<V>(
  one: Node<V> | undefined,
  other: Node<V> | undefined,
): Generator<Difference<V>, void> {
  if (one === other) return;
  if (one?.kind === 'branch' && other?.kind === 'branch') {
    for (let bits = one.bitmap | other.bitmap; bits !== 0; bits &= bits - 1) {
      const bit = bits & -bits;
      const childOf = ({ bitmap, children }: Branch<V>) =>
        (bitmap & bit) === 0 ? undefined : children[slotOf(bitmap, bit)];
      yield* unshared(childOf(one), childOf(other));
    }
    return;
  }
  const rest = new Map([...leaves(other)].map(({ key, value }) => [key, value]));
  for (const { key, value: before } of leaves(one)) {
    const after = rest.get(key);
    rest.delete(key);
    if (after === undefined) yield { key, before };
    else if (!Object.is(before, after)) yield { key, before, after };
  }
  for (const [key, after] of rest) yield { key, after };
}
