import { closeSync, constants, lstatSync, writeSync } from 'node:fs';
import { link, symlink, unlink } from '../syscalls/entries.ts';
import { hasCode } from '../syscalls/error.ts';
import { deviceNumber, FileType, mknod } from '../syscalls/node.ts';
import { open } from '../syscalls/open.ts';
import type { TarEntry } from './entry.ts';
import { cname, LayerDirectories } from './layer-directories.ts';
import { LayerError, shownName } from './layer-error.ts';
import { type LowerTrees, metadataOf } from './lower-trees.ts';
import { finishFile, finishPath, finishSymlink } from './metadata.ts';
import { baseOf, cleanName, joinName, kindOfName, parentOf } from './names.ts';
import { NeedsParentsSignal } from './needs-parents.ts';
import { removeTree } from './remove-tree.ts';
import type { TarSink } from './tar-parser.ts';
import type { UsageCount } from './usage-count.ts';

const CREATE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

const nodeTypes = { character: FileType.character, block: FileType.block, fifo: FileType.fifo } as const;

/**
 * Writes entries below the working directory of the thread, which must have a umask of 0, as root. Names that are there
 * already are replaced; directories are merged.
 */
export class LayerWriter implements TarSink {
  readonly #directories: LayerDirectories;
  readonly #lower: LowerTrees | undefined;
  readonly #usage: UsageCount;
  /** Of the file being written; -1 where there is none. */
  #fd = -1;
  #entry: TarEntry | undefined;

  constructor(lower: LowerTrees | undefined, usage: UsageCount) {
    this.#directories = new LayerDirectories(lower);
    this.#lower = lower;
    this.#usage = usage;
  }

  /** Name of the entry at hand, for messages. */
  get current(): string {
    return this.#entry === undefined ? '' : shownName(this.#entry.name);
  }

  entry(entry: TarEntry): void {
    this.#entry = entry;
    const name = cleanName(entry.name);
    // the root's own metadata is the store's; containerd passes over it too
    if (name === '') return;
    const meaning = kindOfName(name);
    if (meaning.kind === 'ignored') return;
    const folder = this.#directories.resolve(parentOf(name));
    if (meaning.kind === 'opaque') this.#opaque(folder);
    else if (meaning.kind === 'whiteout') this.#whiteout(joinName(folder, meaning.hidden));
    else this.#put(joinName(folder, baseOf(name)), entry);
  }

  data(bytes: Buffer): void {
    if (this.#fd < 0) return;
    for (let at = 0; at < bytes.length; ) at += writeSync(this.#fd, bytes, at, bytes.length - at);
  }

  end(): void {
    if (this.#fd < 0 || this.#entry === undefined) return;
    finishFile(this.#fd, this.#entry);
    this.#usage.file(this.#entry, this.#fd);
    this.release();
  }

  /** Sets what must come last. */
  finish(): void {
    this.#directories.finish((path) => this.#usage.path(path));
    this.#usage.path(cname(''));
  }

  /** Closes the file at hand, also after a failure. */
  release(): void {
    if (this.#fd >= 0) closeSync(this.#fd);
    this.#fd = -1;
  }

  /** Nothing lies beneath a base layer: there is nothing to hide. */
  get #isBase(): boolean {
    return this.#lower?.isEmpty === true;
  }

  #opaque(folder: string): void {
    if (!this.#isBase) this.#directories.setOpaque(folder);
  }

  /** A whiteout speaks of the layers beneath only: what this layer has under the name stays. */
  #whiteout(name: string): void {
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

  #put(name: string, entry: TarEntry): void {
    const path = cname(name);
    const { type } = entry;
    switch (type) {
      case 'directory':
        this.#replacing(name, path, () => this.#directories.put(name, entry));
        return;
      case 'file':
        this.#replacing(name, path, () => {
          this.#fd = open(path, CREATE, entry.mode & 0o777);
        });
        return;
      case 'symlink':
        this.#replacing(name, path, () => symlink(cname(entry.linkName), path));
        finishSymlink(path, entry);
        this.#usage.path(path);
        return;
      case 'hardlink':
        this.#link(name, path, entry);
        return;
      default: {
        const device = type === 'fifo' ? 0n : deviceNumber(entry.deviceMajor, entry.deviceMinor);
        this.#replacing(name, path, () => mknod(path, nodeTypes[type] | (entry.mode & 0o777), device));
        finishPath(path, entry);
        this.#usage.inode();
      }
    }
  }

  /** Most names are new, so making comes first and looking only after it failed. */
  #replacing(name: string, path: Buffer, make: () => void): void {
    try {
      make();
    } catch (error) {
      if (!hasCode(error, 'EEXIST')) throw error;
      if (this.#directories.has(name)) removeTree(name);
      else unlink(path);
      this.#directories.forget(name);
      this.#usage.spoil();
      make();
    }
  }

  #link(name: string, path: Buffer, entry: TarEntry): void {
    const wanted = cleanName(entry.linkName);
    const target = joinName(this.#directories.resolve(parentOf(wanted)), baseOf(wanted));
    if (target === name || this.#directories.has(target) || this.#directories.isWhiteout(target)) {
      throw new LayerError(`hard link '${this.current}' to '${shownName(wanted)}', which is no other file`);
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
