import { type CelInput, celMap } from '@bufbuild/cel';
import type { Timestamp } from '@bufbuild/protobuf/wkt';
import { PersistentMap } from '../../domain/persistent-map.ts';
import { Instant, Lookup } from '../../engine/ports/expressions.ts';

/** Written out: with the library, which servers load at their start, a module that is loaded late could not be bundled. */
const timestampOf = (us: number): Timestamp => ({
  $typeName: 'google.protobuf.Timestamp',
  seconds: BigInt(Math.floor(us / 1_000_000)),
  nanos: (us - Math.floor(us / 1_000_000) * 1_000_000) * 1000,
});

/** Counts what an evaluation does. @throws when it is too much */
export type Count = (steps: number) => void;

/** A map whose values become CEL's when they are asked for. */
class LazyMap implements ReadonlyMap<string, CelInput> {
  readonly #find: (key: string) => unknown;
  readonly #all: () => Iterable<readonly [string, unknown]>;
  readonly #sized: { readonly size: number };
  readonly #count: Count;

  constructor(
    find: (key: string) => unknown,
    all: () => Iterable<readonly [string, unknown]>,
    sized: { readonly size: number },
    count: Count,
  ) {
    this.#find = find;
    this.#all = all;
    this.#sized = sized;
    this.#count = count;
  }

  get size(): number {
    return this.#sized.size;
  }

  get(key: unknown): CelInput | undefined {
    this.#count(1);
    const value = typeof key === 'string' ? this.#find(key) : undefined;
    return value === undefined ? undefined : celValue(value, this.#count);
  }

  has(key: unknown): boolean {
    return typeof key === 'string' && this.#find(key) !== undefined;
  }

  *keys(): Generator<string, undefined> {
    for (const [key, value] of this.#all()) {
      this.#count(1);
      if (value !== undefined) yield key;
    }
    return undefined;
  }

  *entries(): Generator<[string, CelInput], undefined> {
    for (const [key, value] of this.#all()) {
      this.#count(1);
      if (value !== undefined) yield [key, celValue(value, this.#count)];
    }
    return undefined;
  }

  *values(): Generator<CelInput, undefined> {
    for (const [, value] of this.entries()) yield value;
    return undefined;
  }

  [Symbol.iterator](): Generator<[string, CelInput], undefined> {
    return this.entries();
  }

  forEach(take: (value: CelInput, key: string, map: ReadonlyMap<string, CelInput>) => void): void {
    for (const [key, value] of this.entries()) take(value, key, this);
  }
}

const own = (value: object, key: string): unknown =>
  Object.hasOwn(value, key) ? Reflect.get(value, key) : undefined;

/** A value of the state as CEL's: whole numbers are `int`, objects and maps are maps that are looked into on demand. */
export const celValue = (value: unknown, count: Count): CelInput => {
  switch (typeof value) {
    case 'string':
    case 'boolean':
    case 'bigint':
      return value;
    case 'number':
      return Number.isSafeInteger(value) ? BigInt(value) : value;
    case 'object':
      break;
    default:
      return null;
  }
  if (value === null) return null;
  if (value instanceof Instant) return timestampOf(value.us);
  if (Array.isArray(value)) {
    count(value.length);
    return value.map((item: unknown) => celValue(item, count));
  }
  if (value instanceof Lookup || value instanceof PersistentMap) {
    return celMap(
      new LazyMap(
        (key) => value.get(key),
        () => value,
        value,
        count,
      ),
    );
  }
  const fields: object = value;
  const entries = () => Object.entries(fields);
  const sized = {
    get size() {
      return entries().filter(([, item]) => item !== undefined).length;
    },
  };
  return celMap(new LazyMap((key) => own(fields, key), entries, sized, count));
};
