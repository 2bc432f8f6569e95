import { fstatSync, lstatSync } from 'node:fs';
import type { SnapshotUsage } from '../../engine/ports/snapshots.ts';
import type { TarEntry } from './entry.ts';

/** st_blocks counts these, whatever the file system's block is. */
const STAT_BLOCK = 512;
/** Files from this size on may take more than their content: maps of where it lies. */
const LARGE = 1024 * 1024;

const uncounted = (path: Buffer): Buffer => path.subarray(0, path.length - 1);

/**
 * Counts what a tree takes while it is written, as du(1) would afterwards: whole blocks for plain files, which saves a
 * system call for each, and what the kernel says for the rest.
 */
export class UsageCount {
  readonly #blockSize: number;
  #bytes = 0;
  #inodes = 0;
  #spoiled = false;

  /** @param blockSize bytes of a block of the file system */
  constructor(blockSize: number) {
    this.#blockSize = blockSize;
  }

  file(entry: TarEntry, fd: number): void {
    this.#inodes += 1;
    const plain = entry.size < LARGE && entry.xattrs.length === 0;
    this.#bytes += plain
      ? Math.ceil(entry.size / this.#blockSize) * this.#blockSize
      : fstatSync(fd).blocks * STAT_BLOCK;
  }

  /** @param path NUL-terminated */
  path(path: Buffer): void {
    this.#inodes += 1;
    this.#bytes += lstatSync(uncounted(path)).blocks * STAT_BLOCK;
  }

  /** A node without content. */
  inode(): void {
    this.#inodes += 1;
  }

  /** Something counted was replaced: the count is worthless, and the tree must be walked. */
  spoil(): void {
    this.#spoiled = true;
  }

  /** undefined where it was spoiled. */
  get result(): SnapshotUsage | undefined {
    return this.#spoiled ? undefined : { bytes: this.#bytes, inodes: this.#inodes };
  }
}
