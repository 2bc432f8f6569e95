import { lstatSync, readdirSync, type Stats } from 'node:fs';
import { link, mkdir, symlink, unlink } from '../syscalls/entries.ts';
import { deviceNumber, mknod } from '../syscalls/node.ts';
import { fchown, lchown } from '../syscalls/ownership.ts';
import { listXattrs, removeXattr } from '../syscalls/xattr.ts';
import type { TarEntry } from './entry.ts';
import { createFile, type EntryPlace, nodeTypes } from './entry-writer.ts';
import { cname } from './layer-directories.ts';
import { LayerError, shownName } from './layer-error.ts';
import { metadataOf } from './lower-trees.ts';
import { finishFile, finishPath, finishSymlink, mayCarry } from './metadata.ts';
import { baseOf, cleanName, joinName, parentOf } from './names.ts';
import { removeTree } from './remove-tree.ts';
import { TreeFolders } from './tree-folders.ts';

/** Until all is in place only we may look, and no set-group-id bit hands its group down. */
const WHILE_UNPACKING = 0o700;

const bytesOf = (name: string): Buffer => Buffer.from(name === '' ? '.' : name, 'latin1');
const statOf = (name: string): Stats | undefined => lstatSync(bytesOf(name), { throwIfNoEntry: false });

const ACCESS_LIST = 'system.posix_acl_access';

/** A directory that was there may hand its group and a default access list down to what is made in it. */
const dropInherited = (target: Buffer | number): void => {
  if (listXattrs(target).includes(ACCESS_LIST)) removeXattr(target, ACCESS_LIST);
};

/**
 * A tree that may hold files: the root of the thread, which must have a umask of 0, as root. As containerd's: names that
 * are there are replaced, directories merged; a whiteout removes, and speaks, as in {@link file://./layer-place.ts}, of what
 * was there before the layer only.
 */
export class TreePlace implements EntryPlace {
  readonly #folders = new TreeFolders();
  /** Names that this layer has brought; directories with what they are to be like in the end. */
  readonly #brought = new Map<string, TarEntry>();

  resolve(parent: string): string {
    return this.#folders.resolve(parent);
  }

  filled(fd: number, entry: TarEntry): void {
    fchown(fd, entry.uid, entry.gid);
    dropInherited(fd);
    finishFile(fd, entry);
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

  /** Takes away what the layer has not brought. */
  opaque(folder: string): void {
    for (const child of readdirSync(bytesOf(folder), { encoding: 'latin1' })) {
      this.whiteout(joinName(folder, child));
    }
  }

  whiteout(name: string): void {
    const stat = statOf(name);
    if (stat === undefined) return;
    if (!this.#brought.has(name)) this.#remove(name, stat);
    else if (stat.isDirectory()) this.opaque(name);
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

  put(name: string, entry: TarEntry): number | undefined {
    const before = statOf(name);
    const fd = this.#make(name, entry, before);
    this.#brought.set(name, entry);
    return fd;
  }

  #make(name: string, entry: TarEntry, before: Stats | undefined): number | undefined {
    const path = cname(name);
    const { type } = entry;
    const merged = type === 'directory' && before?.isDirectory() === true;
    // What a link is to may be what stands in its place: that is looked at first.
    if (before !== undefined && !merged && type !== 'hardlink') this.#remove(name, before);
    switch (type) {
      case 'directory':
        if (!merged) mkdir(path, WHILE_UNPACKING);
        this.#folders.note(name);
        return undefined;
      case 'file':
        return createFile(path, entry);
      case 'symlink':
        symlink(cname(entry.linkName), path);
        lchown(path, entry.uid, entry.gid);
        finishSymlink(path, entry);
        return undefined;
      case 'hardlink':
        return this.#link(name, entry, before);
      default: {
        const device = type === 'fifo' ? 0n : deviceNumber(entry.deviceMajor, entry.deviceMinor);
        mknod(path, nodeTypes[type] | (entry.mode & 0o777), device);
        dropInherited(path);
        finishPath(path, entry, metadataOf(lstatSync(bytesOf(name), { bigint: true })));
        return undefined;
      }
    }
  }

  #link(name: string, entry: TarEntry, before: Stats | undefined): undefined {
    const wanted = cleanName(entry.linkName);
    const target = joinName(this.#folders.resolve(parentOf(wanted)), baseOf(wanted));
    const there = statOf(target);
    if (target === name || there === undefined || there.isDirectory()) {
      throw new LayerError(
        `hard link '${shownName(entry.name)}' to '${shownName(wanted)}', which is no other file`,
      );
    }
    if (before !== undefined) this.#remove(name, before);
    const path = cname(name);
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
