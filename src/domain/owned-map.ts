import { PersistentMap } from './persistent-map.ts';

/** What the owner changed, on top of a map that others may have too. */
interface Ownership<V> {
  readonly base: PersistentMap<V>;
  readonly changed: Map<string, V>;
  /** Keys of the base that were taken away. */
  readonly gone: Set<string>;
  /** Entries more than the base has; what a large one has is not asked before it matters. */
  grown: number;
  /** The only one that may be used: whoever still has an older one would read what came later. */
  newest: OwnedMap<V> | undefined;
}

/**
 * A map that one fold owns and changes in place, where a {@link PersistentMap} would copy a path for each of a million
 * events. It is used in the same way: `set` and `delete` give the map after the change, and the one before is used up:
 * every use of it throws, since a wrong state would be worse. So a fold reads what it needs of a map before it changes it.
 * Nothing is copied at {@link own}; {@link PersistentMap} comes back at {@link given}, for the price of what was changed.
 */
class OwnedMap<V> extends PersistentMap<V> {
  readonly #owned: Ownership<V>;

  constructor(owned: Ownership<V>) {
    super(undefined, 0);
    this.#owned = owned;
    owned.newest = this;
  }

  /** @throws TypeError where it has been changed or given away since */
  get #mine(): Ownership<V> {
    if (this.#owned.newest !== this) throw new TypeError('a map was read after it had been changed in place');
    return this.#owned;
  }

  override get size(): number {
    const { base, grown } = this.#mine;
    return base.size + grown;
  }

  // Most maps of a state are small or empty, and looking a long key up costs its hash: sizes are asked first.
  override get(key: string): V | undefined {
    const { base, changed, gone } = this.#mine;
    const known = changed.size === 0 ? undefined : changed.get(key);
    if (known !== undefined || base.size === 0) return known;
    return gone.size > 0 && gone.has(key) ? undefined : base.get(key);
  }

  override has(key: string): boolean {
    return this.get(key) !== undefined;
  }

  override set(key: string, value: V): PersistentMap<V> {
    const owned = this.#mine;
    const { base, changed, gone } = owned;
    const before = changed.size;
    changed.set(key, value);
    // A key that was changed before was counted then; one of the base is counted already, unless it had gone.
    if (changed.size > before && (base.size === 0 || gone.delete(key) || !base.has(key))) owned.grown += 1;
    return new OwnedMap(owned);
  }

  override delete(key: string): PersistentMap<V> {
    const owned = this.#mine;
    if (!this.has(key)) return this;
    owned.grown -= 1;
    owned.changed.delete(key);
    if (owned.base.has(key)) owned.gone.add(key);
    return new OwnedMap(owned);
  }

  override with(changes: ReadonlyMap<string, V | undefined>): PersistentMap<V> {
    let map: PersistentMap<V> = this;
    for (const [key, value] of changes) map = value === undefined ? map.delete(key) : map.set(key, value);
    return map;
  }

  override *[Symbol.iterator](): Generator<readonly [string, V], undefined> {
    const { base, changed, gone } = this.#mine;
    for (const entry of base) if (!changed.has(entry[0]) && !gone.has(entry[0])) yield entry;
    yield* changed;
  }

  override *keys(): Generator<string, undefined> {
    for (const [key] of this) yield key;
  }

  override *values(): Generator<V, undefined> {
    for (const [, value] of this) yield value;
  }

  give(): PersistentMap<V> {
    const { base, changed, gone } = this.#mine;
    this.#owned.newest = undefined;
    // Not even asked for its size: one that is made when it is first looked at stays unmade.
    if (changed.size === 0 && gone.size === 0) return base;
    if (base.size === 0) return PersistentMap.from(changed);
    const all = new Map<string, V | undefined>(changed);
    for (const key of gone) all.set(key, undefined);
    return base.with(all);
  }
}

type Change = (map: PersistentMap<unknown>) => PersistentMap<unknown>;

/** A state with other maps: those it holds itself and in plain objects, not those in values of maps or in lists. */
const withMaps = (state: unknown, change: Change): unknown => {
  if (state instanceof PersistentMap) return change(state);
  if (typeof state !== 'object' || state === null || Array.isArray(state)) return state;
  let different = false;
  const fields = Object.entries(state).map(([name, value]) => {
    const other = withMaps(value, change);
    different ||= other !== value;
    return [name, other] as const;
  });
  return different ? Object.fromEntries(fields) : state;
};

/** The same state with maps that its owner changes in place. Nobody sees them before they are {@link given}. */
export const own = <T>(state: T): T =>
  withMaps(
    state,
    (map) =>
      new OwnedMap({
        base: map,
        changed: new Map(),
        gone: new Set(),
        grown: 0,
        newest: undefined,
      }),
  ) as T;

/** The same state for everybody, with maps that never change. What was owned is used up. */
export const given = <T>(state: T): T =>
  withMaps(state, (map) => (map instanceof OwnedMap ? map.give() : map)) as T;
