import { lstatSync, readlinkSync } from 'node:fs';
import { mkdir } from '../syscalls/entries.ts';
import { followLinks } from './follow-links.ts';
import { cname } from './layer-directories.ts';
import { LayerError, shownName } from './layer-error.ts';

const statOf = (name: string) => lstatSync(Buffer.from(name, 'latin1'), { throwIfNoEntry: false });

/**
 * Real names of folders in a tree that is there already, below the root of the thread: symlinks are followed as if that
 * were the whole system, and what is missing is made.
 */
export class TreeFolders {
  /** Names that are directories and no symlinks, as found or made. */
  readonly #known = new Set<string>(['']);

  /** @throws LayerError where a file is in the way */
  resolve(name: string): string {
    if (this.#known.has(name)) return name;
    return followLinks(name, (next) => (this.#known.has(next) ? undefined : this.#enter(next)));
  }

  /** A directory was made under this name, or found there. */
  note(name: string): void {
    this.#known.add(name);
  }

  /** The name is gone, with all below it. */
  forget(name: string): void {
    for (const each of this.#known) {
      if (each === name || each.startsWith(`${name}/`)) this.#known.delete(each);
    }
  }

  /** @returns where a symlink leads; undefined for a directory, made where there was none */
  #enter(name: string): string | undefined {
    const stat = statOf(name);
    if (stat?.isSymbolicLink()) return readlinkSync(Buffer.from(name, 'latin1'), 'latin1');
    if (stat !== undefined && !stat.isDirectory()) {
      throw new LayerError(`'${shownName(name)}' is no directory, yet entries lie in it`);
    }
    if (stat === undefined) mkdir(cname(name), 0o755);
    this.#known.add(name);
    return undefined;
  }
}
