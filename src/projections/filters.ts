import { Rejection } from '../domain/rejection.ts';

/** What one filter with its value asks for, or why the value makes no sense. */
export type FilterTest<T> = (value: string) => ((item: T) => boolean) | Rejection;

export interface FilterTable<T> {
  readonly [key: string]: FilterTest<T>;
}

/**
 * Docker's filters: `key=value`, the same key again means or, different keys mean and.
 * @param every keys of which all values must hold, as docker's `label`
 * @returns `invalid-argument` naming the known keys where one is not known
 */
export const parseFilters = <T>(
  filters: readonly string[],
  table: FilterTable<T>,
  every: readonly string[] = [],
): ((item: T) => boolean) | Rejection => {
  const tests = new Map<string, ((item: T) => boolean)[]>();
  for (const filter of filters) {
    const equals = filter.indexOf('=');
    const key = equals < 0 ? filter : filter.slice(0, equals);
    const test = Object.hasOwn(table, key) ? table[key] : undefined;
    if (equals < 0 || !test) {
      const known = Object.keys(table).join('=, ');
      return new Rejection('invalid-argument', `filter '${filter}' is not known; there are ${known}=`);
    }
    const made = test(filter.slice(equals + 1));
    if (made instanceof Rejection) return made;
    tests.set(key, [...(tests.get(key) ?? []), made]);
  }
  const groups = [...tests];
  return (item) =>
    groups.every(([key, group]) =>
      every.includes(key) ? group.every((test) => test(item)) : group.some((test) => test(item)),
    );
};
