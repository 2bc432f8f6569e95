import { closeSync, constants, lstatSync, readdirSync, type Stats, writeSync } from 'node:fs';
import { link, mkdir, symlink, unlink } from '../syscalls/entries.ts';
import { deviceNumber, FileType, mknod } from '../syscalls/node.ts';
import { open } from '../syscalls/open.ts';
import { fchown, lchown } from '../syscalls/ownership.ts';
import { listXattrs, removeXattr } from '../syscalls/xattr.ts';
import type { TarEntry } from './entry.ts';
import { cname } from './layer-directories.ts';
import { LayerError, shownName } from './layer-error.ts';
import { metadataOf } from './lower-trees.ts';
import { finishFile, finishPath, finishSymlink, mayCarry } from './metadata.ts';
import { baseOf, cleanName, joinName, kindOfName, parentOf } from './names.ts';
import { removeTree } from './remove-tree.ts';
import type { TarSink } from './tar-parser.ts';
import { TreeFolders } from './tree-folders.ts';

const CREATE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
/** Until all is in place only we may look, and no set-group-id bit hands its group down. */
const WHILE_UNPACKING = 0o700;

const nodeTypes = { character: FileType.character, block: FileType.block, fifo: FileType.fifo } as const;

const bytesOf = (name: string): Buffer => Buffer.from(name === '' ? '.' : name, 'latin1');
const statOf = (name: string): Stats | undefined => lstatSync(bytesOf(name), { throwIfNoEntry: false });

const ACCESS_LIST = 'system.posix_acl_access';

/** A directory that was there may hand its group and a default access list down to what is made in it. */
const dropInherited = (target: Buffer | number): void => {
  if (listXattrs(target).includes(ACCESS_LIST)) removeXattr(target, ACCESS_LIST);
};

/**
 * Lays a layer over a tree that may hold files, below the root of the thread, which must have a umask of 0, as root. As
 * containerd's: names that are there are replaced, directories merged; a whiteout removes, and speaks, as in
 * {@link file://./layer-writer.ts}, of what was there before the layer only.
 */
export class TreeWriter implements TarSink {
  readonly #folders = new TreeFolders();
  /** Names that this layer has brought; directories with what they are to be like in the end. */
  readonly #brought = new Map<string, TarEntry>();
  #fd = -1;
  #entry: TarEntry | undefined;

  get current(): string {
    return this.#entry === undefined ? '' : shownName(this.#entry.name);
  }

  entry(entry: TarEntry): void {
    this.#entry = entry;
    const name = cleanName(entry.name);
    // the root's own metadata is the snapshotter's; containerd passes over it too
    if (name === '') return;
    const meaning = kindOfName(name);
    if (meaning.kind === 'ignored') return;
    const folder = this.#folders.resolve(parentOf(name));
    if (meaning.kind === 'opaque') this.#clear(folder);
    else if (meaning.kind === 'whiteout') this.#whiteout(joinName(folder, meaning.hidden));
    else this.#put(joinName(folder, baseOf(name)), entry);
  }

  data(bytes: Buffer): void {
    if (this.#fd < 0) return;
    for (let at = 0; at < bytes.length; ) at += writeSync(this.#fd, bytes, at, bytes.length - at);
  }

  end(): void {
    if (this.#fd < 0 || this.#entry === undefined) return;
    fchown(this.#fd, this.#entry.uid, this.#entry.gid);
    dropInherited(this.#fd);
    finishFile(this.#fd, this.#entry);
    this.release();
  }

  /** Sets what must come last: every new name in a directory changes its time. */
  finish(): void {
    for (const [name, entry] of this.#brought) {
      if (entry.type !== 'directory') continue;
      const path = cname(name);
      const before = lstatSync(bytesOf(name), { bigint: true });
      this.#dropXattrs(path, entry);
      finishPath(path, entry, metadataOf(before));
    }
  }

  release(): void {
    if (this.#fd >= 0) closeSync(this.#fd);
    this.#fd = -1;
  }

  /** Takes away what the layer has not brought. */
  #clear(folder: string): void {
    for (const child of readdirSync(bytesOf(folder), { encoding: 'latin1' })) {
      this.#whiteout(joinName(folder, child));
    }
  }

  #whiteout(name: string): void {
    const stat = statOf(name);
    if (stat === undefined) return;
    if (!this.#brought.has(name)) this.#remove(name, stat);
    else if (stat.isDirectory()) this.#clear(name);
  }

  #remove(name: string, stat: Stats): void {
    if (!stat.isDirectory()) {
      unlink(cname(name));
      this.#brought.delete(name);
      return;
    }
    removeTree(name);
    this.#folders.forget(name);
    for (const each of this.#brought.keys()) {
      if (each === name || each.startsWith(`${name}/`)) this.#brought.delete(each);
    }
  }

  #put(name: string, entry: TarEntry): void {
    const path = cname(name);
    const { type } = entry;
    const before = statOf(name);
    if (type === 'directory' && before?.isDirectory()) {
      this.#folders.note(name);
      this.#brought.set(name, entry);
      return;
    }
    if (type === 'hardlink') this.#link(name, path, entry, before);
    else {
      if (before !== undefined) this.#remove(name, before);
      this.#make(path, name, entry);
    }
    this.#brought.set(name, entry);
  }

  #make(path: Buffer, name: string, entry: TarEntry): void {
    const { type } = entry;
    switch (type) {
      case 'directory':
        mkdir(path, WHILE_UNPACKING);
        this.#folders.note(name);
        return;
      case 'file':
        this.#fd = open(path, CREATE, entry.mode & 0o777);
        return;
      case 'symlink':
        symlink(cname(entry.linkName), path);
        lchown(path, entry.uid, entry.gid);
        finishSymlink(path, entry);
        return;
      case 'hardlink':
        return;
      default: {
        const device = type === 'fifo' ? 0n : deviceNumber(entry.deviceMajor, entry.deviceMinor);
        mknod(path, nodeTypes[type] | (entry.mode & 0o777), device);
        dropInherited(path);
        finishPath(path, entry, metadataOf(lstatSync(bytesOf(name), { bigint: true })));
      }
    }
  }

  #link(name: string, path: Buffer, entry: TarEntry, before: Stats | undefined): void {
    const wanted = cleanName(entry.linkName);
    const target = joinName(this.#folders.resolve(parentOf(wanted)), baseOf(wanted));
    const there = statOf(target);
    if (target === name || there === undefined || there.isDirectory()) {
      throw new LayerError(`hard link '${this.current}' to '${shownName(wanted)}', which is no other file`);
    }
    if (before !== undefined) this.#remove(name, before);
    link(cname(target), path);
    const stat = lstatSync(bytesOf(name), { bigint: true });
    if (stat.isSymbolicLink()) finishSymlink(path, entry);
    else finishPath(path, entry, metadataOf(stat));
  }

  /** Attributes that a directory had and the layer does not give it, as where it were new. */
  #dropXattrs(path: Buffer, entry: TarEntry): void {
    const kept = new Set(entry.xattrs.map(({ name }) => name));
    for (const name of listXattrs(path)) {
      if (mayCarry(name) && !name.startsWith('security.') && !kept.has(name)) {
        removeXattr(path, Buffer.from(`${name}\0`, 'latin1'));
      }
    }
  }
}
