import { lstatSync } from 'node:fs';
import { link, symlink, unlink } from '../syscalls/entries.ts';
import { hasCode } from '../syscalls/error.ts';
import { deviceNumber, FileType, mknod } from '../syscalls/node.ts';
import type { TarEntry } from './entry.ts';
import { createFile, type EntryPlace, nodeTypes } from './entry-writer.ts';
import { cname, LayerDirectories } from './layer-directories.ts';
import { LayerError, shownName } from './layer-error.ts';
import { type LowerTrees, metadataOf } from './lower-trees.ts';
import { finishFile, finishPath, finishSymlink } from './metadata.ts';
import { baseOf, cleanName, joinName, parentOf } from './names.ts';
import { NeedsParentsSignal } from './needs-parents.ts';
import { removeTree } from './remove-tree.ts';
import type { UsageCount } from './usage-count.ts';

/**
 * A layer's own tree: the working directory of the thread, which must have a umask of 0, as root. Names that are there
 * already are replaced; directories are merged.
 */
export class LayerPlace implements EntryPlace {
  readonly #directories: LayerDirectories;
  readonly #lower: LowerTrees | undefined;
  readonly #usage: UsageCount;

  constructor(lower: LowerTrees | undefined, usage: UsageCount) {
    this.#directories = new LayerDirectories(lower);
    this.#lower = lower;
    this.#usage = usage;
  }

  resolve(parent: string): string {
    return this.#directories.resolve(parent);
  }

  filled(fd: number, entry: TarEntry): void {
    finishFile(fd, entry);
    this.#usage.file(entry, fd);
  }

  finish(): void {
    this.#directories.finish((path) => this.#usage.path(path));
    this.#usage.path(cname(''));
  }

  /** Nothing lies beneath a base layer: there is nothing to hide. */
  get #isBase(): boolean {
    return this.#lower?.isEmpty === true;
  }

  opaque(folder: string): void {
    if (!this.#isBase) this.#directories.setOpaque(folder);
  }

  /** A whiteout speaks of the layers beneath only: what this layer has under the name stays. */
  whiteout(name: string): void {
    if (this.#isBase || this.#directories.isWhiteout(name)) return;
    if (this.#directories.has(name)) {
      this.#directories.setOpaque(name);
      return;
    }
    try {
      mknod(cname(name), FileType.character);
      this.#directories.noteWhiteout(name);
      this.#usage.inode();
    } catch (error) {
      if (!hasCode(error, 'EEXIST')) throw error;
    }
  }

  put(name: string, entry: TarEntry): number | undefined {
    const path = cname(name);
    const { type } = entry;
    switch (type) {
      case 'directory':
        this.#replacing(name, path, () => this.#directories.put(name, entry));
        return undefined;
      case 'file':
        return this.#replacing(name, path, () => createFile(path, entry));
      case 'symlink':
        this.#replacing(name, path, () => symlink(cname(entry.linkName), path));
        finishSymlink(path, entry);
        this.#usage.path(path);
        return undefined;
      case 'hardlink':
        this.#link(name, path, entry);
        return undefined;
      default: {
        const device = type === 'fifo' ? 0n : deviceNumber(entry.deviceMajor, entry.deviceMinor);
        this.#replacing(name, path, () => mknod(path, nodeTypes[type] | (entry.mode & 0o777), device));
        finishPath(path, entry);
        this.#usage.inode();
        return undefined;
      }
    }
  }

  /** Most names are new, so making comes first and looking only after it failed. */
  #replacing<T>(name: string, path: Buffer, make: () => T): T {
    try {
      return make();
    } catch (error) {
      if (!hasCode(error, 'EEXIST')) throw error;
      if (this.#directories.has(name)) removeTree(name);
      else unlink(path);
      this.#directories.forget(name);
      this.#usage.spoil();
      return make();
    }
  }

  #link(name: string, path: Buffer, entry: TarEntry): void {
    const wanted = cleanName(entry.linkName);
    const target = joinName(this.#directories.resolve(parentOf(wanted)), baseOf(wanted));
    if (target === name || this.#directories.has(target) || this.#directories.isWhiteout(target)) {
      throw new LayerError(
        `hard link '${shownName(entry.name)}' to '${shownName(wanted)}', which is no other file`,
      );
    }
    this.#fetchTarget(target);
    this.#replacing(name, path, () => link(cname(target), path));
    const stat = lstatSync(Buffer.from(name, 'latin1'), { bigint: true });
    if (stat.isSymbolicLink()) finishSymlink(path, entry);
    else finishPath(path, entry, metadataOf(stat));
  }

  #fetchTarget(target: string): void {
    const there = lstatSync(Buffer.from(target, 'latin1'), { throwIfNoEntry: false });
    if (there !== undefined) return;
    if (this.#lower === undefined) throw new NeedsParentsSignal();
    const path = cname(target);
    this.#lower.copyFile(target, path);
    this.#usage.path(path);
  }
}
