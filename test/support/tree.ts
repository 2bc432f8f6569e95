import { createHash } from 'node:crypto';
import { type BigIntStats, lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { deviceHalves, FileType } from '../../src/adapters/syscalls/node.ts';
import { getXattr, listXattrs } from '../../src/adapters/syscalls/xattr.ts';

/** Everything about one name in a tree that an unpacker must get right. */
export interface TreeEntry {
  readonly type: string;
  /** Octal, all twelve bits. */
  readonly mode: string;
  readonly owner: string;
  /** Nanoseconds since the Unix epoch. */
  readonly mtime: bigint;
  /** Names and values, the latter in base64. */
  readonly xattrs: Readonly<Record<string, string>>;
  /** The names that share the inode, sorted; only the name itself where it is alone. */
  readonly links: readonly string[];
  readonly device?: string;
  readonly target?: string;
  readonly sha256?: string;
}

/** By path relative to the root (`.` for the root), one character a byte (latin1). */
export type Tree = ReadonlyMap<string, TreeEntry>;

const typeNames: Readonly<Record<number, string>> = {
  [FileType.regular]: 'file',
  [FileType.directory]: 'directory',
  [FileType.symlink]: 'symlink',
  [FileType.character]: 'character',
  [FileType.block]: 'block',
  [FileType.fifo]: 'fifo',
  [FileType.socket]: 'socket',
};

const describe = (path: Buffer, stat: BigIntStats, links: readonly string[]): TreeEntry => {
  const type = typeNames[Number(stat.mode) & FileType.mask] ?? 'unknown';
  const { major, minor } = deviceHalves(stat.rdev);
  return {
    type,
    mode: (Number(stat.mode) & 0o7777).toString(8),
    owner: `${stat.uid}:${stat.gid}`,
    mtime: stat.mtimeNs,
    xattrs: Object.fromEntries(
      [...listXattrs(path)]
        .sort()
        .map((name) => [name, getXattr(path, Buffer.from(name, 'latin1'))?.toString('base64') ?? '']),
    ),
    links,
    ...(type === 'character' || type === 'block' ? { device: `${major}:${minor}` } : {}),
    ...(type === 'symlink' ? { target: readlinkSync(path, 'latin1') } : {}),
    ...(type === 'file' ? { sha256: createHash('sha256').update(readFileSync(path)).digest('hex') } : {}),
  };
};

/** Reads a whole tree, staying on names as bytes. Synchronous: for tests only. */
export const readTree = (root: string): Tree => {
  const stats = new Map<string, BigIntStats>();
  const pathOf = (name: string) => Buffer.concat([Buffer.from(`${root}/`), Buffer.from(name, 'latin1')]);
  const visit = (name: string) => {
    const stat = lstatSync(pathOf(name), { bigint: true });
    stats.set(name, stat);
    if (!stat.isDirectory()) return;
    for (const child of readdirSync(pathOf(name), { encoding: 'latin1' })) {
      visit(name === '.' ? child : `${name}/${child}`);
    }
  };
  visit('.');
  const groups = new Map<string, string[]>();
  for (const [name, stat] of stats) {
    const key = stat.isDirectory() ? name : `${stat.dev}:${stat.ino}`;
    groups.set(key, [...(groups.get(key) ?? []), name].sort());
  }
  const linksOf = (name: string, stat: BigIntStats) =>
    groups.get(stat.isDirectory() ? name : `${stat.dev}:${stat.ino}`) ?? [];
  return new Map(
    [...stats].sort().map(([name, stat]) => [name, describe(pathOf(name), stat, linksOf(name, stat))]),
  );
};

const text = (value: unknown): string =>
  JSON.stringify(value, (_, inner) => (typeof inner === 'bigint' ? `${inner}` : inner));

/**
 * Compares two trees field by field.
 * @param ignore fields to leave out, by path: some can't be equal (a directory that no layer names has the time it was made)
 * @returns one line per difference; empty where they are equal
 */
export const compareTrees = (
  left: Tree,
  right: Tree,
  ignore: (path: string, field: keyof TreeEntry) => boolean = () => false,
): readonly string[] => {
  const differences: string[] = [];
  for (const path of new Set([...left.keys(), ...right.keys()])) {
    const a = left.get(path);
    const b = right.get(path);
    if (a === undefined || b === undefined) {
      differences.push(`${path}: only on the ${a === undefined ? 'right' : 'left'}`);
      continue;
    }
    for (const field of [
      'type',
      'mode',
      'owner',
      'mtime',
      'xattrs',
      'links',
      'device',
      'target',
      'sha256',
    ] as const) {
      if (ignore(path, field) || text(a[field]) === text(b[field])) continue;
      differences.push(`${path}: ${field} is ${text(a[field])} on the left, ${text(b[field])} on the right`);
    }
  }
  return differences;
};
