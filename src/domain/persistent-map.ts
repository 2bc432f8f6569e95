import {
  built,
  type Change,
  changed,
  type Difference,
  find,
  hashOf,
  insert,
  LateLeaf,
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

  /** Of entries with the same key the last one is taken. */
  static from<V>(entries: Iterable<readonly [string, V]>): PersistentMap<V> {
    const leaves: Leaf<V>[] = [];
    for (const [key, value] of new Map(entries)) leaves.push({ kind: 'leaf', hash: hashOf(key), key, value });
    return new PersistentMap(built(leaves), leaves.length);
  }

  /** A map whose values stay text, each until it is first looked at. `read` must be able to read all of them. */
  static late<V>(entries: Iterable<readonly [string, string]>, read: (text: string) => V): PersistentMap<V> {
    const leaves: Leaf<V>[] = [];
    for (const [key, text] of new Map(entries)) leaves.push(new LateLeaf(key, text, read));
    return new PersistentMap(built(leaves), leaves.length);
  }

  /**
   * Keys whose values are not the same in two maps, in no order that means anything. Where one was made from the other
   * it costs what was changed, not what they hold. Values are taken for the same by identity.
   */
  static difference<V>(before: PersistentMap<V>, after: PersistentMap<V>): Generator<Difference<V>, void> {
    return unshared(before.whole().#root, after.whole().#root);
  }

  /** The map itself, where it was not made yet. */
  protected whole(): PersistentMap<V> {
    return this;
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
    const root = without(this.#root, key, hashOf(key), 0);
    return root === this.#root ? this : new PersistentMap(root, this.#size - 1);
  }

  /**
   * The map after many changes at once, for less than by `set` and `delete` one after the other.
   * @param changes by key; undefined takes it away
   */
  with(changes: ReadonlyMap<string, V | undefined>): PersistentMap<V> {
    const all: Change<V>[] = [];
    for (const [key, value] of changes) {
      const hash = hashOf(key);
      all.push(value === undefined ? { kind: 'gone', hash, key } : { kind: 'leaf', hash, key, value });
    }
    const count = { grown: 0 };
    const root = changed(this.#root, all, 0, count);
    return root === this.#root ? this : new PersistentMap(root, this.#size + count.grown);
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

/** A map that is made when something of it is first asked for. */
class LateMap<V> extends PersistentMap<V> {
  readonly #make: () => PersistentMap<V>;
  #made: PersistentMap<V> | undefined;

  constructor(make: () => PersistentMap<V>) {
    super(undefined, 0);
    this.#make = make;
  }

  protected override whole(): PersistentMap<V> {
    this.#made ??= this.#make();
    return this.#made;
  }

  override get size(): number {
    return this.whole().size;
  }

  override get(key: string): V | undefined {
    return this.whole().get(key);
  }

  override has(key: string): boolean {
    return this.whole().has(key);
  }

  override set(key: string, value: V): PersistentMap<V> {
    return this.whole().set(key, value);
  }

  override delete(key: string): PersistentMap<V> {
    return this.whole().delete(key);
  }

  override with(changes: ReadonlyMap<string, V | undefined>): PersistentMap<V> {
    return this.whole().with(changes);
  }

  override [Symbol.iterator](): IterableIterator<readonly [string, V], undefined> {
    return this.whole()[Symbol.iterator]();
  }

  override keys(): IterableIterator<string, undefined> {
    return this.whole().keys();
  }

  override values(): IterableIterator<V, undefined> {
    return this.whole().values();
  }
}

/** A map that costs nothing until something of it is asked for. `make` is called once at most. */
export const lateMap = <V>(make: () => PersistentMap<V>): PersistentMap<V> => new LateMap(make);
