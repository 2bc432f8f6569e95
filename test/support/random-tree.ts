import {
  chmodSync,
  lchownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { deviceNumber, FileType, mknod } from '../../src/adapters/syscalls/node.ts';
import { setTimes } from '../../src/adapters/syscalls/times.ts';
import { setXattr } from '../../src/adapters/syscalls/xattr.ts';

type Random = () => number;

const below = (random: Random, bound: number) => Math.floor(random() * bound);
const pick = <T>(random: Random, all: readonly T[]): T | undefined => all[below(random, all.length)];

/** Names that a tar header can't hold as they are come now and then: long ones, and some that are not ASCII. */
const nameOf = (random: Random): string => {
  const plain = `${pick(random, ['a', 'b', 'lib', 'x.conf', '-', 'né', 'sp ace'])}${below(random, 40)}`;
  return random() < 0.1 ? plain.padEnd(130, 'long-') : plain;
};

/** Every directory of a tree, the root among them. */
const directoriesOf = (root: string): string[] => [
  root,
  ...readdirSync(root, { withFileTypes: true })
    .filter((one) => one.isDirectory())
    .flatMap((one) => directoriesOf(join(root, one.name))),
];

const entriesOf = (root: string): string[] =>
  readdirSync(root, { withFileTypes: true }).flatMap((one) => {
    const path = join(root, one.name);
    return one.isDirectory() ? [path, ...entriesOf(path)] : [path];
  });

const filesOf = (root: string): string[] => entriesOf(root).filter((path) => lstatSync(path).isFile());

const capability = Buffer.from('0100000200200000000000000000000000000000', 'hex');

/** Owner, attributes, mode and a time with nanoseconds, some before 1970. */
const dress = (path: string, random: Random): void => {
  const stat = lstatSync(path);
  lchownSync(path, below(random, 3) * 1000, below(random, 3) * 1000);
  if (stat.isFile() && random() < 0.3) setXattr(path, 'security.capability', capability);
  if ((stat.isFile() || stat.isDirectory()) && random() < 0.3) {
    setXattr(path, 'user.note', Buffer.from([0xff, 0x00, 0x3d, 0x0a, below(random, 256)]));
  }
  if (!stat.isSymbolicLink())
    chmodSync(path, pick(random, [0o644, 0o755, 0o4755, 0o2750, 0o1777, 0o600]) ?? 0);
  const seconds = below(random, 2_000_000_000) - 100_000_000;
  setTimes(path, { seconds, nanoseconds: random() < 0.2 ? 0 : below(random, 1e9) });
};

const addOne = (root: string, random: Random): void => {
  const path = join(pick(random, directoriesOf(root)) ?? root, nameOf(random));
  if (lstatSync(path, { throwIfNoEntry: false }) !== undefined) return;
  const kind = random();
  if (kind < 0.35) writeFileSync(path, Buffer.alloc(below(random, 3000), below(random, 256)));
  else if (kind < 0.6) mkdirSync(path);
  else if (kind < 0.72)
    symlinkSync(pick(random, ['../x', '/etc/passwd', 'gone', 't'.repeat(120)]) ?? '', path);
  else if (kind < 0.8) mknod(path, FileType.fifo | 0o644);
  else if (kind < 0.86) mknod(path, FileType.character | 0o620, deviceNumber(5, 1 + below(random, 300)));
  else {
    const file = pick(random, filesOf(root));
    if (file !== undefined) linkSync(file, path);
    return;
  }
  dress(path, random);
};

/** Fills a directory with files of every kind that a layer can hold. */
export const fillRandomTree = (
  root: string,
  random: Random,
  { entries }: { readonly entries: number },
): void => {
  for (let made = 0; made < entries; made += 1) addOne(root, random);
};

const changes: readonly ((root: string, random: Random) => void)[] = [
  addOne,
  addOne,
  (root, random) => {
    const path = pick(random, entriesOf(root));
    if (path !== undefined) rmSync(path, { recursive: true });
  },
  (root, random) => {
    const path = pick(random, filesOf(root));
    if (path !== undefined) writeFileSync(path, Buffer.alloc(below(random, 3000), below(random, 256)));
  },
  (root, random) => {
    const path = pick(random, filesOf(root));
    if (path !== undefined) dress(path, random);
  },
  (root, random) => {
    const path = pick(random, entriesOf(root));
    if (path === undefined) return;
    const was = lstatSync(path);
    rmSync(path, { recursive: true });
    if (was.isDirectory()) writeFileSync(path, 'a file now');
    else mkdirSync(path);
    dress(path, random);
  },
  // A directory that is taken away and made anew hides all it had: overlayfs makes it opaque.
  (root, random) => {
    const path = pick(random, directoriesOf(root).slice(1));
    if (path === undefined) return;
    rmSync(path, { recursive: true });
    mkdirSync(path);
    writeFileSync(join(path, 'fresh'), 'fresh');
  },
  (root, random) => {
    const path = pick(random, filesOf(root));
    const to = join(pick(random, directoriesOf(root)) ?? root, nameOf(random));
    if (path !== undefined && lstatSync(to, { throwIfNoEntry: false }) === undefined) renameSync(path, to);
  },
];

/** Does this and that to a tree, as a container would. */
export const changeRandomly = (root: string, random: Random, { times }: { readonly times: number }): void => {
  for (let done = 0; done < times; done += 1) pick(random, changes)?.(root, random);
};
