import { Rejection } from '../../../domain/rejection.ts';
import { namedTables } from '../keys.ts';
import {
  get,
  type KeyPath,
  type Leaf,
  leadsThrough,
  leavesOf,
  put,
  type Tables,
  written,
} from './key-path.ts';
import { type ContainerdKey, framing, keysOf, runtimesAt, type Version } from './keys.ts';

/** A file of containerd's in our words. */
export interface Translation {
  readonly values: Tables;
  /** Where each of our keys came from, as `FILE: KEY`. */
  readonly origins: ReadonlyMap<string, string>;
  readonly warnings: readonly string[];
}

/** What CRI's default runtime is called where nothing is said. */
const defaultRuntime = 'runc';

const same = (one: KeyPath, other: KeyPath): boolean =>
  one.length === other.length && one.every((name, index) => name === other[index]);

/** Whether our file has the same key in the same place. */
const isShared = ([table = '', , key = '', ...rest]: KeyPath): boolean =>
  rest.length === 0 && namedTables().some(({ name, keys }) => name === table && keys.includes(key));

/** Keys of the file that stand where a table should, or the other way round. */
const misplaced = ({ path, value }: Leaf, keys: readonly ContainerdKey[]): string | undefined => {
  if (keys.some((key) => leadsThrough(key.path, path))) {
    return `${written(path)}: must be a table; it is ${JSON.stringify(value)}`;
  }
  const key = keys.find((known) => leadsThrough(path, known.path));
  return key && `${written(key.path)}: must not be a table; it holds ${written(path)}`;
};

interface Reading {
  readonly origin: string;
  readonly values: Record<string, unknown>;
  readonly origins: Map<string, string>;
  readonly warnings: string[];
  readonly wrong: string[];
}

const take = (key: ContainerdKey, { value }: Leaf, into: Reading): void => {
  const name = written(key.path);
  const read = key.kind.safeParse(value);
  if (!read.success) {
    const says = read.error.issues.map(({ message }) => message).join(', ');
    into.wrong.push(`${name}: ${says}; it is ${JSON.stringify(value)}`);
    return;
  }
  if (key.ours === undefined) {
    const idle = key.idle === undefined || key.idle.length === 0 || key.idle.includes(read.data);
    if (!idle) into.warnings.push(`${into.origin}: ${name} = ${JSON.stringify(value)} ${unsupported}`);
    return;
  }
  const meant = key.as === undefined ? read.data : key.as(read.data as never);
  if (meant === undefined) return;
  put(into.values, key.ours, meant);
  into.origins.set(key.ours.join('.'), `${into.origin}: ${name}`);
};

const unsupported = "is containerd's and not supported; it is ignored";

/**
 * Reads a parsed file of containerd's format. What has no counterpart here is told of in a warning, key by key.
 * @param origin names the file in messages
 * @throws Rejection `invalid-argument` with a line for each value of a wrong type
 */
export const translate = (file: Tables, version: Version, origin: string): Translation => {
  const named = get(file, [...runtimesAt[version], 'default_runtime_name']);
  const runtime = typeof named === 'string' && named !== '' ? named : defaultRuntime;
  const keys = keysOf(version, runtime);
  const into: Reading = { origin, values: {}, origins: new Map(), warnings: [], wrong: [] };
  const leaves = leavesOf(file).filter(({ path: [first = ''] }) => !framing.includes(first));
  // In the order of the keys: of two that mean the same, the later one counts.
  for (const key of keys) {
    const leaf = leaves.find(({ path }) => same(path, key.path));
    if (leaf !== undefined) take(key, leaf, into);
  }
  for (const leaf of leaves) {
    if (keys.some(({ path }) => same(path, leaf.path))) continue;
    const says = misplaced(leaf, keys);
    if (says !== undefined) into.wrong.push(says);
    else if (isShared(leaf.path)) {
      put(into.values, leaf.path, leaf.value);
      into.origins.set(leaf.path.join('.'), `${origin}: ${written(leaf.path)}`);
    } else into.warnings.push(`${origin}: ${written(leaf.path)} ${unsupported}`);
  }
  if (into.wrong.length > 0) {
    throw new Rejection('invalid-argument', into.wrong.map((line) => `${origin}: ${line}`).join('\n'));
  }
  return into;
};
