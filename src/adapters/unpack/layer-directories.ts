import { lstatSync, readlinkSync } from 'node:fs';
import { mkdir, unlink } from '../syscalls/entries.ts';
import { hasCode } from '../syscalls/error.ts';
import { setXattr } from '../syscalls/xattr.ts';
import { followLinks } from './follow-links.ts';
import { LayerError, shownName } from './layer-error.ts';
import type { LowerTrees } from './lower-trees.ts';
import { finishPath, type Metadata } from './metadata.ts';
import { baseOf, parentOf } from './names.ts';
import { NeedsParentsSignal } from './needs-parents.ts';

/** What a directory gets that no layer describes; containerd's choice. */
const UNDESCRIBED: Metadata = { mode: 0o755, uid: 0, gid: 0, xattrs: [] };
/** Until all is in place only we may look, and no set-group-id bit hands its group down. */
const WHILE_UNPACKING = 0o700;

export const cname = (name: string): Buffer => Buffer.from(name === '' ? '.\0' : `${name}\0`, 'latin1');

const linkTarget = (name: string): string | undefined => {
  try {
    return readlinkSync(Buffer.from(name, 'latin1'), 'latin1');
  } catch (error) {
    if (hasCode(error, 'EINVAL', 'ENOENT', 'ENOTDIR')) return undefined;
    throw error;
  }
};

const exists = (name: string): boolean =>
  lstatSync(Buffer.from(name, 'latin1'), { throwIfNoEntry: false }) !== undefined;

/**
 * The directories that this layer has made, by clean name. A name whose folder is among them can't lead through a
 * symlink, since nobody else writes here: that makes most entries safe without asking the kernel. Their metadata is set
 * last, since every new name in a directory changes its time.
 */
export class LayerDirectories {
  readonly #made = new Map<string, Metadata>();
  /** Names hidden by a whiteout of this layer. */
  readonly #whiteouts = new Set<string>();
  readonly #lower: LowerTrees | undefined;

  constructor(lower: LowerTrees | undefined) {
    this.#lower = lower;
  }

  has(name: string): boolean {
    return name === '' || this.#made.has(name);
  }

  get size(): number {
    return this.#made.size;
  }

  /**
   * The real name of a folder: symlinks of this layer are followed as if the layer were the root, and what is missing is
   * made, with the metadata that it has beneath.
   * @throws NeedsParentsSignal, LayerError
   */
  resolve(name: string): string {
    if (this.has(name)) return name;
    const real = this.#follow(name);
    this.#ensure(real);
    return real;
  }

  /** Makes a directory, or gives one that is there already new metadata. The folder of `name` must be resolved. */
  put(name: string, metadata: Metadata): void {
    const before = this.#made.get(name);
    if (before !== undefined) {
      this.#made.set(name, { ...metadata, xattrs: [...before.xattrs, ...metadata.xattrs] });
      return;
    }
    const hidden = this.#whiteouts.delete(name);
    if (hidden) unlink(cname(name));
    mkdir(cname(name), WHILE_UNPACKING);
    this.#made.set(name, metadata);
    // the whiteout hid what lies beneath, and so must the directory in its place
    if (hidden) this.setOpaque(name);
  }

  setOpaque(name: string): void {
    setXattr(cname(name), 'trusted.overlay.opaque', Buffer.from('y'));
  }

  noteWhiteout(name: string): void {
    this.#whiteouts.add(name);
  }

  isWhiteout(name: string): boolean {
    return this.#whiteouts.has(name);
  }

  /** Forgets a name that was removed, and all below it. */
  forget(name: string): void {
    this.#whiteouts.delete(name);
    if (!this.#made.has(name)) return;
    for (const each of this.#made.keys()) {
      if (each === name || each.startsWith(`${name}/`)) this.#made.delete(each);
    }
    for (const each of this.#whiteouts) if (each.startsWith(`${name}/`)) this.#whiteouts.delete(each);
  }

  /** Sets the metadata of all of them; `visit` is told each name afterwards. */
  finish(visit: (path: Buffer) => void): void {
    for (const [name, metadata] of this.#made) {
      const path = cname(name);
      finishPath(path, metadata);
      visit(path);
    }
  }

  #follow(name: string): string {
    return followLinks(name, (next) => (this.#made.has(next) ? undefined : linkTarget(next)));
  }

  #ensure(name: string): void {
    if (this.has(name)) return;
    this.#ensure(parentOf(name));
    if (!this.#whiteouts.has(name) && exists(name)) {
      throw new LayerError(
        `'${shownName(name)}' is no directory, yet entries lie in it: '${shownName(baseOf(name))}'`,
      );
    }
    if (this.#lower === undefined) throw new NeedsParentsSignal();
    const beneath = this.#whiteouts.has(name) ? undefined : this.#lower.directory(name);
    this.put(name, beneath ?? UNDESCRIBED);
  }
}
