import { dirname } from 'node:path';
import type { Disk, DiskFile, OpenFor } from '../../src/adapters/log-file/disk.ts';
import type { WriterLock } from '../../src/adapters/log-file/lock.ts';
import { Rejection } from '../../src/domain/rejection.ts';

/** What a disk writes whole or not at all. */
const SECTOR = 512;

class Trouble extends Error {
  readonly code: string;
  constructor(code: string, what: string) {
    super(`${code}: ${what}`);
    this.code = code;
  }
}

/** A file: what programs see of it, and what is on the platter. */
class Inode {
  live = Buffer.alloc(0);
  size = 0;
  platter = Buffer.alloc(0);
  platterSize = 0;
  /** Sectors that a sync has to write. */
  readonly dirty = new Set<number>();
  /** Sectors that a failed sync gave up: clean for the kernel, on the platter or not. */
  readonly given = new Set<number>();

  write(bytes: Uint8Array, offset: number): void {
    this.resize(Math.max(this.size, offset + bytes.length));
    this.live.set(bytes, offset);
    for (let at = Math.floor(offset / SECTOR); at * SECTOR < offset + bytes.length; at += 1)
      this.dirty.add(at);
  }

  resize(size: number): void {
    if (size > this.live.length) {
      const grown = Buffer.alloc(Math.max(size, this.live.length * 2));
      this.live.copy(grown);
      this.live = grown;
    }
    // What is cut off reads as zeros when the file grows again.
    if (size < this.size) {
      this.live.fill(0, size, this.size);
      this.dirty.add(Math.floor(size / SECTOR));
    }
    this.size = size;
  }

  #put(sector: number): void {
    const end = (sector + 1) * SECTOR;
    if (end > this.platter.length) {
      const grown = Buffer.alloc(Math.max(end, this.platter.length * 2));
      this.platter.copy(grown);
      this.platter = grown;
    }
    this.platter.fill(0, sector * SECTOR, end);
    this.live.copy(this.platter, sector * SECTOR, sector * SECTOR, Math.min(end, this.live.length));
  }

  sync(): void {
    for (const sector of this.dirty) this.#put(sector);
    this.dirty.clear();
    this.platterSize = this.size;
    this.platter.fill(0, this.size);
  }

  /** A sync that failed: the kernel forgets what it should have written. */
  giveUp(): void {
    for (const sector of this.dirty) this.given.add(sector);
    this.dirty.clear();
  }

  /** The power goes: each sector that was not synced is there or not. */
  lose(random: () => number): void {
    for (const sector of [...this.dirty, ...this.given]) if (random() < 0.5) this.#put(sector);
    if (random() < 0.5) this.platterSize = this.size;
    this.dirty.clear();
    this.given.clear();
    this.live = Buffer.alloc(Math.max(this.platter.length, this.platterSize));
    this.platter.copy(this.live);
    this.live.fill(0, this.platterSize);
    this.size = this.platterSize;
  }
}

type NameChange = (names: Map<string, Inode>) => void;

/**
 * A disk that forgets what was not synced. A sector is atomic, everything else may tear: sectors of one write, sizes and
 * names reach the platter in any combination when the power goes, names in their order. With `trouble`, writes and syncs
 * fail with EIO or ENOSPC now and then; after a failed sync the kernel holds pages for clean that may never arrive.
 */
export class FakeDisk {
  /** Share of operations that fail. */
  trouble = 0;
  readonly #random: () => number;
  #names = new Map<string, Inode>();
  #platterNames = new Map<string, Inode>();
  #pending: NameChange[] = [];
  #life = 0;
  #locked = false;

  constructor(random: () => number) {
    this.#random = random;
  }

  /** The program dies; what it wrote is in the page cache still. Nothing that it has under way ends any more. */
  kill(): void {
    this.#life += 1;
    this.#locked = false;
  }

  /** The power goes. */
  crash(): void {
    this.kill();
    const kept = Math.floor(this.#random() * (this.#pending.length + 1));
    for (const change of this.#pending.slice(0, kept)) change(this.#platterNames);
    this.#pending = [];
    const inodes = new Set([...this.#names.values(), ...this.#platterNames.values()]);
    for (const inode of inodes) inode.lose(this.#random);
    this.#names = new Map(this.#platterNames);
  }

  /** The disk as a program has it that starts now. */
  mounted(): Disk {
    const life = this.#life;
    const step = <T>(what: string, work: () => T, failing?: () => void): Promise<T> =>
      this.#step(life, what, work, failing);
    const inodeAt = (path: string): Inode => {
      const inode = this.#names.get(path);
      if (inode === undefined) throw new Trouble('ENOENT', path);
      return inode;
    };
    const rename = (change: NameChange): void => {
      change(this.#names);
      this.#pending.push(change);
    };
    return {
      open: (path, how) =>
        step(`open ${path}`, () => {
          if (how === 'replace') {
            const old = this.#names.get(path);
            if (old === undefined) {
              const inode = new Inode();
              rename((names) => names.set(path, inode));
            } else old.resize(0);
          }
          return this.#file(inodeAt(path), how, step);
        }),
      rename: (from, to) =>
        step(`rename ${from}`, () => {
          const inode = inodeAt(from);
          rename((names) => {
            names.delete(from);
            names.set(to, inode);
          });
        }),
      remove: (path) => step(`remove ${path}`, () => rename((names) => names.delete(path))),
      syncDirectory: () =>
        step('sync of a directory', () => {
          for (const change of this.#pending) change(this.#platterNames);
          this.#pending = [];
        }),
      // Directories are there from the start.
      makeDirectory: () => step('mkdir', () => undefined),
      list: (directory) =>
        step('readdir', () =>
          [...this.#names.keys()]
            .filter((path) => dirname(path) === directory)
            .map((path) => path.slice(directory.length + 1)),
        ),
      size: (path) => step('stat', () => inodeAt(path).size),
      lock: async () => this.#lock(life),
    };
  }

  #lock(life: number): WriterLock {
    if (this.#locked) throw new Rejection('unavailable', 'another process has it open');
    this.#locked = true;
    return {
      release: () => {
        if (life === this.#life) this.#locked = false;
      },
    };
  }

  #file(
    inode: Inode,
    how: OpenFor,
    step: <T>(what: string, work: () => T, failing?: () => void) => Promise<T>,
  ): DiskFile {
    const sync = () =>
      step(
        'sync',
        () => inode.sync(),
        () => inode.giveUp(),
      );
    return {
      read: (into, offset) =>
        step('read', () => {
          const bytes = inode.live.subarray(
            offset,
            Math.max(offset, Math.min(inode.size, offset + into.length)),
          );
          into.set(bytes);
          return bytes.length;
        }),
      write: async (bytes, offset) => {
        await step(
          'write',
          () => inode.write(bytes, offset),
          () => inode.write(bytes.subarray(0, Math.floor(this.#random() * bytes.length)), offset),
        );
        if (how === 'durably') await sync();
      },
      truncate: (length) => step('truncate', () => inode.resize(length)),
      syncData: sync,
      sync,
      close: async () => undefined,
    };
  }

  /** One operation: it takes a while, may fail, and never ends for a program that has died. */
  async #step<T>(life: number, what: string, work: () => T, failing?: () => void): Promise<T> {
    for (let turns = Math.floor(this.#random() * 3); turns > 0; turns -= 1) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    if (life !== this.#life) return new Promise<T>(() => undefined);
    if (failing !== undefined && this.#random() < this.trouble) {
      failing();
      throw new Trouble(this.#random() < 0.5 ? 'EIO' : 'ENOSPC', what);
    }
    return work();
  }
}
