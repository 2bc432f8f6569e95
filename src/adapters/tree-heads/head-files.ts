import { open, rename, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32c } from '@node-rs/crc32';
import { position, type Timestamp } from '../../domain/identity.ts';
import { Rejection } from '../../domain/rejection.ts';
import type { TreeHead } from '../../engine/ports/proofs.ts';
import { parseCheckpoint, timeOf } from '../../tlog/checkpoint.ts';
import { hashHex } from '../../tlog/hash.ts';
import { parseNote } from '../../tlog/note.ts';
import { syncDirectoryAside } from '../syscalls/sync.ts';
import { makeFolder, namesIn, readIfThere } from './durable-files.ts';

/** A new file is begun when one has reached this size: some 3000 heads. */
const FILE_BYTES = 1024 * 1024;

/** What a note says. @throws TlogError for one that is no head */
export const headOf = (note: string): TreeHead => {
  const checkpoint = parseCheckpoint(parseNote(note).text);
  return {
    size: position(BigInt(checkpoint.size)),
    root: hashHex(checkpoint.root),
    time: (timeOf(checkpoint) ?? 0) as Timestamp,
    note,
  };
};

/** One head in a file: a line `head <bytes> <crc32c>`, then the note. */
const recordOf = (note: string): Buffer => {
  const bytes = Buffer.from(note);
  return Buffer.concat([Buffer.from(`head ${bytes.length} ${crc32c(bytes).toString(16)}\n`), bytes]);
};

/** Heads in the bytes of a file, and where they end: what follows is a write that was cut short. */
const headsIn = (bytes: Buffer): { heads: TreeHead[]; end: number } => {
  const heads: TreeHead[] = [];
  let end = 0;
  for (;;) {
    const line = bytes.indexOf(0x0a, end);
    if (line === -1) return { heads, end };
    const [, length, crc] = /^head (\d+) ([0-9a-f]+)$/.exec(bytes.toString('latin1', end, line)) ?? [];
    const note = bytes.subarray(line + 1, line + 1 + Number(length));
    if (length === undefined || note.length < Number(length) || crc32c(note).toString(16) !== crc) {
      return { heads, end };
    }
    heads.push(headOf(note.toString()));
    end = line + 1 + Number(length);
  }
};

/** Signed heads, in files that are only appended to: `00000000.heads`, …; `latest` is a copy of the newest. */
export class HeadFiles {
  readonly #directory: string;
  readonly #readOnly: boolean;
  #opened: Promise<Opened> | undefined;

  /** @param readOnly changes nothing: what a crash left stays, and no head can be kept */
  constructor(directory: string, readOnly = false) {
    this.#directory = directory;
    this.#readOnly = readOnly;
  }

  async latest(): Promise<TreeHead | undefined> {
    return (await this.#open()).latest;
  }

  /** Every head, oldest first. @throws Rejection `data-loss` where a file is damaged */
  async *all(): AsyncGenerator<TreeHead> {
    const { names } = await this.#open();
    for (const name of [...names]) yield* (await this.#read(name, this.#readOnly)).heads;
  }

  /** The oldest head of a size. */
  async find(size: bigint): Promise<TreeHead | undefined> {
    for await (const head of this.all()) if (head.size === size) return head;
    return undefined;
  }

  /** Keeps a head. Durable when it resolves. */
  async append(note: string): Promise<TreeHead> {
    const opened = await this.#open();
    const head = headOf(note);
    if (opened.size >= FILE_BYTES || opened.names.length === 0) {
      opened.names.push(`${String(opened.names.length).padStart(8, '0')}.heads`);
      opened.size = 0;
    }
    const path = join(this.#directory, opened.names.at(-1) ?? '');
    const bytes = recordOf(note);
    const file = await open(path, 'a', 0o600);
    try {
      await file.writeFile(bytes);
      await file.sync();
    } catch (error) {
      // What became of the bytes is not known: look again before the next.
      this.#opened = undefined;
      throw error;
    } finally {
      await file.close();
    }
    if (opened.size === 0) await syncDirectoryAside(this.#directory);
    opened.size += bytes.length;
    opened.latest = head;
    // A copy for people and tools; the files above are what counts.
    await writeFile(join(this.#directory, 'latest.tmp'), note, { mode: 0o600 });
    await rename(join(this.#directory, 'latest.tmp'), join(this.#directory, 'latest'));
    return head;
  }

  #open(): Promise<Opened> {
    this.#opened ??= this.#find().catch((error: unknown) => {
      this.#opened = undefined;
      throw error;
    });
    return this.#opened;
  }

  /** Cuts what a crash left at the end of the last file. */
  async #find(): Promise<Opened> {
    if (!this.#readOnly) await makeFolder(this.#directory);
    const names = (await namesIn(this.#directory)).filter((name) => /^\d{8}\.heads$/.test(name));
    const opened: Opened = { names, size: 0, latest: undefined };
    for (const name of names.toReversed()) {
      const { heads, end, bytes } = await this.#read(name, true);
      if (name === names.at(-1)) {
        if (end < bytes && !this.#readOnly) await truncate(join(this.#directory, name), end);
        opened.size = end;
      }
      opened.latest = heads.at(-1);
      if (opened.latest !== undefined) break;
    }
    return opened;
  }

  async #read(name: string, mayBeTorn = false): Promise<{ heads: TreeHead[]; end: number; bytes: number }> {
    const path = join(this.#directory, name);
    const bytes = await readIfThere(path);
    if (bytes === undefined) throw new Rejection('data-loss', `${path} with signed heads is gone`);
    const found = headsIn(bytes);
    if (found.end < bytes.length && !mayBeTorn) {
      throw new Rejection('data-loss', `${path}, byte ${found.end}: no signed head stands here`);
    }
    return { ...found, bytes: bytes.length };
  }
}

interface Opened {
  readonly names: string[];
  /** Bytes of the last file. */
  size: number;
  latest: TreeHead | undefined;
}
