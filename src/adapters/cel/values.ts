import { type CelInput, type CelMap, celMap } from '@bufbuild/cel';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { PersistentMap } from '../../domain/persistent-map.ts';
import { Instant, Lookup } from '../../engine/ports/expressions.ts';

/** Counts what an evaluation does. @throws when it is too much */
export type Count = (steps: number) => void;

/**
 * A map whose values become CEL's when they are asked for.
 * @param all its entries; each one that is taken counts as a step
 */
const lazyMap = (
  find: (key: string) => unknown,
  all: () => Iterable<readonly [string, unknown]>,
  size: () => number,
  count: Count,
): CelMap => {
  const entries = function* () {
    for (const [key, value] of all()) {
      count(1);
      if (value !== undefined) yield [key, celValue(value, count)] as const;
    }
  };
  const get = (key: unknown): CelInput | undefined => {
    count(1);
    const value = typeof key === 'string' ? find(key) : undefined;
    return value === undefined ? undefined : celValue(value, count);
  };
  const source = new Lookup((key) => get(key), entries);
  return celMap(
    new Proxy(source, {
      get: (target, name) => {
        if (name === 'size') return size();
        const member: unknown = Reflect.get(target, name, target);
        return typeof member === 'function' ? member.bind(target) : member;
      },
    }) as unknown as ReadonlyMap<string, CelInput>,
  );
};

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
  if (value instanceof Instant) return timestampFromMs(value.us / 1000);
  if (Array.isArray(value)) {
    count(value.length);
    return value.map((item: unknown) => celValue(item, count));
  }
  if (value instanceof Lookup || value instanceof PersistentMap) {
    return lazyMap(
      (key) => value.get(key),
      () => value,
      () => value.size,
      count,
    );
  }
  const entries = () => Object.entries(value).filter(([, item]) => item !== undefined);
  return lazyMap(
    (key) => own(value, key),
    entries,
    () => entries().length,
    count,
  );
};
