import { PersistentMap } from './persistent-map.ts';

const entriesOf = (value: object): Iterable<readonly [string, unknown]> =>
  value instanceof PersistentMap ? value : Object.entries(value);

/**
 * Where two states differ first, as a path of keys; undefined where they are equal. Order of keys does not matter, and a
 * key that holds undefined is as good as absent.
 */
export const firstDifference = (one: unknown, other: unknown, path = ''): string | undefined => {
  if (Object.is(one, other)) return undefined;
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null)
    return path || '.';
  const rest = new Map(entriesOf(other));
  for (const [key, value] of entriesOf(one)) {
    const found = firstDifference(value, rest.get(key), `${path}/${key}`);
    if (found !== undefined) return found;
    rest.delete(key);
  }
  for (const [key, value] of rest) if (value !== undefined) return `${path}/${key}`;
  return undefined;
};
