import type { BigIntStats } from 'node:fs';
import { hasCode } from '../syscalls/error.ts';
import { DiffError, shownName } from './diff-error.ts';
import type { LayerOutput, UpperName } from './layer-output.ts';
import { isSame } from './same-file.ts';
import type { TarHeader } from './tar-writer.ts';
import { closeIfOpen, namesIn, openDirectory, openDirectoryIfThere, statOf, xattrOf } from './tree-reader.ts';

/** Directories below each other; each is held open while those in it are walked. */
const DEPTH = 1000;

export interface WalkTrees {
  /** Open roots. Absent: an empty tree. */
  readonly lower: number | undefined;
  readonly upper: number;
  /**
   * Root of an overlay's upper directory, where the upper tree is the lower one with just that over it. Only names in it
   * can differ, so no others are looked at. What they are is still read from the trees: the outcome is the same.
   */
  readonly guide: number | undefined;
}

/** The three places of one directory. */
interface Place {
  readonly path: string;
  readonly lower: number | undefined;
  readonly upper: number;
  readonly guide: number | undefined;
  readonly depth: number;
  /** Of the upper tree, root first; those that have not been written yet come before what changed in them. */
  readonly above: readonly Above[];
}

/** A directory on the way to a name. */
interface Above {
  readonly path: string;
  /** Read when it is first asked for: once it is left, its parent is closed. */
  readonly header: () => TarHeader;
}

/** A name of the upper tree that shares its file with others. */
interface Link {
  readonly path: string;
  readonly above: readonly Above[];
}

const once = <T>(make: () => T): (() => T) => {
  let made: { readonly value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
};

const isKept = (stat: BigIntStats): boolean => !stat.isDirectory() && stat.nlink > 1n;
const inodeOf = ({ dev, ino }: BigIntStats): string => `${dev}:${ino}`;

const namesInEither = (upper: number, lower: number | undefined): readonly string[] =>
  lower === undefined ? namesIn(upper) : [...new Set([...namesIn(upper), ...namesIn(lower)])].sort();

/** Whether a directory of the guide tells less than all that changed in it. */
const tellsLess = (guide: number): boolean =>
  ['trusted', 'user'].some(
    (space) =>
      xattrOf(guide, `${space}.overlay.opaque`) !== undefined ||
      xattrOf(guide, `${space}.overlay.redirect`) !== undefined,
  );

/**
 * Walks two trees side by side and writes what changed, in the order of names, directories before what is in them. As
 * containerd's walking differ: a directory that is gone is one whiteout; one that became a file is that file; the
 * directories around a change are written too, so that they keep their times; names of one file are links to the first
 * that is written, also those that had not changed by themselves.
 */
export class TreeWalk {
  readonly #output: LayerOutput;
  readonly #check: () => void;
  readonly #written = new Set<string>();
  /** Path under which a file with several names was written. */
  readonly #sources = new Map<string, string>();
  readonly #unchanged = new Map<string, Link[]>();

  /** @param check throws when the walk is to end */
  constructor(output: LayerOutput, check: () => void) {
    this.#output = output;
    this.#check = check;
  }

  walk({ lower, upper, guide }: WalkTrees): void {
    this.#directory({ path: '', lower, upper, guide, depth: 0, above: [] });
    this.#output.finish();
  }

  #directory(place: Place): void {
    const { lower, upper, guide } = place;
    if (place.depth > DEPTH) {
      throw new DiffError(
        'failed-precondition',
        `'${shownName(place.path)}' lies deeper than ${DEPTH} directories`,
      );
    }
    const guided = guide !== undefined && !tellsLess(guide);
    const names = guided ? namesIn(guide) : namesInEither(upper, lower);
    for (const name of names) {
      this.#check();
      this.#name(guided ? place : { ...place, guide: undefined }, name);
    }
  }

  #name(place: Place, name: string): void {
    const path = place.path === '' ? name : `${place.path}/${name}`;
    const stat = statOf(place.upper, name);
    const before = place.lower === undefined ? undefined : statOf(place.lower, name);
    if (stat === undefined) {
      if (before !== undefined) this.#gone(place, path);
      return;
    }
    // a socket is nothing without who listens; archives can't hold one
    if (stat.isSocket()) {
      if (before !== undefined && !before.isSocket()) this.#gone(place, path);
      return;
    }
    const upper = { path, directory: place.upper, name, stat };
    const same = before !== undefined && this.#unchangedSince(place, before, upper);
    if (!same) this.#changed(place, upper);
    else if (isKept(stat)) this.#linked(place, upper);
    if (stat.isDirectory()) this.#enter(place, upper, before);
  }

  #unchangedSince({ lower }: Place, stat: BigIntStats, upper: UpperName): boolean {
    return lower !== undefined && isSame({ directory: lower, name: upper.name, stat }, upper);
  }

  #enter(place: Place, upper: UpperName, before: BigIntStats | undefined): void {
    const { name } = upper;
    const lower = before?.isDirectory() ? openDirectoryIfThere(place.lower, name) : undefined;
    // a guide speaks of a directory that was one before
    const guide = lower === undefined ? undefined : openDirectoryIfThere(place.guide, name);
    try {
      const opened = openDirectory(place.upper, name);
      try {
        this.#directory({
          path: upper.path,
          lower,
          upper: opened,
          guide,
          depth: place.depth + 1,
          above: [...place.above, { path: upper.path, header: once(() => this.#output.headerFor(upper)) }],
        });
      } finally {
        closeIfOpen(opened);
      }
    } finally {
      closeIfOpen(lower);
      closeIfOpen(guide);
    }
  }

  #gone({ above }: Place, path: string): void {
    this.#parents(above);
    this.#output.whiteout(path);
  }

  #changed({ above }: Place, upper: UpperName): void {
    if (upper.name.startsWith('.wh.')) {
      throw new DiffError(
        'failed-precondition',
        `'${shownName(upper.path)}' has a name that means a removal in layers; rename it`,
      );
    }
    this.#parents(above);
    if (!isKept(upper.stat)) {
      this.#put(upper, this.#output.headerFor(upper));
      return;
    }
    const inode = inodeOf(upper.stat);
    const source = this.#sources.get(inode);
    const header = this.#output.headerFor(upper);
    if (source !== undefined) {
      this.#link(header, upper.path, source);
      return;
    }
    this.#sources.set(inode, upper.path);
    this.#put(upper, header);
    for (const link of this.#unchanged.get(inode) ?? []) {
      this.#parents(link.above);
      this.#link(header, link.path, upper.path);
    }
    this.#unchanged.delete(inode);
  }

  /** A name that has not changed, of a file that may have got others: it is written where one of those is. */
  #linked({ above }: Place, upper: UpperName): void {
    const inode = inodeOf(upper.stat);
    const source = this.#sources.get(inode);
    if (source === undefined) {
      for (const directory of above) directory.header();
      this.#unchanged.set(inode, [...(this.#unchanged.get(inode) ?? []), { path: upper.path, above }]);
      return;
    }
    this.#parents(above);
    this.#link(this.#output.headerFor(upper), upper.path, source);
  }

  #put(upper: UpperName, header: TarHeader): void {
    if (header.type === 'directory') this.#written.add(upper.path);
    try {
      if (header.type === 'file') this.#output.file(upper, header);
      else this.#output.entry(header);
    } catch (error) {
      if (!hasCode(error, 'ENOENT', 'ELOOP')) throw error;
      throw new DiffError(
        'aborted',
        `'${shownName(upper.path)}' went away while it was read; pause its container`,
      );
    }
  }

  #link(header: TarHeader, path: string, source: string): void {
    this.#output.entry({ ...header, name: path, type: 'hardlink', linkName: source, size: 0 });
  }

  #parents(above: readonly Above[]): void {
    for (const directory of above) {
      if (this.#written.has(directory.path)) continue;
      this.#written.add(directory.path);
      this.#output.entry(directory.header());
    }
  }
}
