import { closeSync, constants, writeSync } from 'node:fs';
import { FileType } from '../syscalls/node.ts';
import { open } from '../syscalls/open.ts';
import type { TarEntry } from './entry.ts';
import { shownName } from './layer-error.ts';
import { baseOf, cleanName, joinName, kindOfName, parentOf } from './names.ts';
import type { TarSink } from './tar-parser.ts';

const CREATE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

/** @returns descriptor of a file that was not there, to be filled */
export const createFile = (path: Buffer, { mode }: TarEntry): number => open(path, CREATE, mode & 0o777);

/** What mknod makes of entries that are neither files, directories nor links. */
export const nodeTypes = {
  character: FileType.character,
  block: FileType.block,
  fifo: FileType.fifo,
} as const;

/**
 * Where entries go: a layer's own tree, or one that is there already. Names are clean and relative to the working
 * directory of the thread; `folder` has no link on the way.
 */
export interface EntryPlace {
  /** @returns the name of a directory, made where it is missing, without links on the way */
  resolve(parent: string): string;
  /** Hides, or takes away, what was in a directory before the layer. */
  opaque(folder: string): void;
  /** Hides, or takes away, what was under a name before the layer. */
  whiteout(name: string): void;
  /** Makes an entry. @returns the descriptor of a file that is to be filled */
  put(name: string, entry: TarEntry): number | undefined;
  /** Sets what a file has besides its bytes, which are written. */
  filled(fd: number, entry: TarEntry): void;
  /** Sets what must come last. */
  finish(): void;
}

/** Puts entries in their place by what their names mean, and holds the file that is being filled. */
export class EntryWriter implements TarSink {
  readonly #place: EntryPlace;
  #fd: number | undefined;
  #entry: TarEntry | undefined;

  constructor(place: EntryPlace) {
    this.#place = place;
  }

  /** Name of the entry at hand, for messages. */
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
    const folder = this.#place.resolve(parentOf(name));
    if (meaning.kind === 'opaque') this.#place.opaque(folder);
    else if (meaning.kind === 'whiteout') this.#place.whiteout(joinName(folder, meaning.hidden));
    else this.#fd = this.#place.put(joinName(folder, baseOf(name)), entry);
  }

  data(bytes: Buffer): void {
    if (this.#fd === undefined) return;
    for (let at = 0; at < bytes.length; ) at += writeSync(this.#fd, bytes, at, bytes.length - at);
  }

  end(): void {
    if (this.#fd === undefined || this.#entry === undefined) return;
    this.#place.filled(this.#fd, this.#entry);
    this.release();
  }

  finish(): void {
    this.#place.finish();
  }

  /** Closes the file at hand, also after a failure. */
  release(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }
}
