import {
  type Difference,
  find,
  hashOf,
  insert,
  type Leaf,
  type Node,
  unshared,
  Walk,
  without,
} from './hash-trie.ts';

export type { Difference } from './hash-trie.ts';

/**
 * An immutable map from strings, on a hash array mapped trie: `set` and `delete` share all but one path with the map they
 * start from. So the state at any position can be kept for the price of what changed since: the engine holds the state at
 * the head beside the durable one, and falls back in one assignment. A long replay uses {@link file://./owned-map.ts}.
 */
export class PersistentMap<V> implements Iterable<readonly [string, V]> {
  readonly #size: number;
  readonly #root: Node<V> | undefined;

  protected constructor(root: Node<V> | undefined, size: number) {
    this.#root = root;
    this.#size = size;
  }

  get size(): number {
    return this.#size;
  }

  static empty<V>(): PersistentMap<V> {
    return new PersistentMap<V>(undefined, 0);
  }

  static from<V>(entries: Iterable<readonly [string, V]>): PersistentMap<V> {
    let map = PersistentMap.empty<V>();
    for (const [key, value] of entries) map = map.set(key, value);
    return map;
  }

  /**
   * Keys whose values are not the same in two maps, in no order that means anything. Where one was made from the other
   * it costs what was changed, not what they hold. Values are taken for the same by identity.
   */
  static difference<V>(before: PersistentMap<V>, after: PersistentMap<V>): Generator<Difference<V>, void> {
    return unshared(before.#root, after.#root);
  }

  get(key: string): V | undefined {
    if (this.#root === undefined) return undefined;
    return find(this.#root, key, hashOf(key))?.value;
  }

  has(key: string): boolean {
    if (this.#root === undefined) return false;
    return find(this.#root, key, hashOf(key)) !== undefined;
  }

  set(key: string, value: V): PersistentMap<V> {
    const hash = hashOf(key);
    const old = find(this.#root, key, hash);
    if (old !== undefined && Object.is(old.value, value)) return this;
    const root = insert(this.#root, { kind: 'leaf', hash, key, value }, 0);
    return new PersistentMap(root, old === undefined ? this.#size + 1 : this.#size);
  }

  delete(key: string): PersistentMap<V> {
    if (this.#root === undefined) return this;
    const hash = hashOf(key);
    if (find(this.#root, key, hash) === undefined) return this;
    return new PersistentMap(without(this.#root, key, hash, 0), this.#size - 1);
  }

  [Symbol.iterator](): IterableIterator<readonly [string, V], undefined> {
    return new Walk(this.#root, (leaf: Leaf<V>) => [leaf.key, leaf.value] as const);
  }

  keys(): IterableIterator<string, undefined> {
    return new Walk(this.#root, (leaf: Leaf<V>) => leaf.key);
  }

  values(): IterableIterator<V, undefined> {
    return new Walk(this.#root, (leaf: Leaf<V>) => leaf.value);
  }
}
