import type { LogQuery } from '../../../domain/log-query.ts';
import type { Disk, DiskFile } from '../disk.ts';
import { withFile } from '../durable-file.ts';
import {
  BLOOMS_HEADER_BYTES,
  type BloomKey,
  type BloomsHeader,
  bloomKey,
  cellHas,
  decodeBloomsHeader,
  isBloomed,
  rowHolds,
  rowPlace,
} from './bloom-format.ts';
import { bloomFilesIn, isMissing, removeIfThere } from './sidecar-file.ts';
import type { Binding } from './sidecar-format.ts';
import { wantedOf } from './terms.ts';

/** More terms than this are looked up in each segment: each is a read, and is in some by mistake. What is gone has some 20. */
const MOST_TERMS = 64;

type Sealed = Pick<Binding, 'base' | 'segmentBytes'>;

/**
 * The filters of a log's sealed segments: which of them need not be asked, by a read or two for all of them. They are caches:
 * where one is missing or damaged its segments are asked.
 */
export class Blooms {
  readonly #disk: Disk;
  readonly #directory: string;
  readonly #logId: string;
  readonly #warn: (message: string) => void;
  /** Their names alone: a file is replaced when it gets another segment, so its header is read each time. */
  #paths: readonly string[] | undefined;

  constructor(options: { disk: Disk; directory: string; logId: string; warn: (message: string) => void }) {
    this.#disk = options.disk;
    this.#directory = options.directory;
    this.#logId = options.logId;
    this.#warn = options.warn;
  }

  /** Looks again for files, at the next question: the thread has written some. */
  forget(): void {
    this.#paths = undefined;
  }

  /** Whether all of these have a filter. */
  async cover(segments: readonly Sealed[]): Promise<boolean> {
    const files = await readBloomFiles(this.#disk, this.#directory, this.#logId);
    return segments.every(({ base, segmentBytes }) =>
      files.some(({ header: { columns } }) =>
        columns.some((column) => column.base === base && column.segmentBytes === segmentBytes),
      ),
    );
  }

  /** @returns tells which segments a query may find something in; false means that there is nothing */
  async mayHold(query: LogQuery): Promise<(segment: { base: number; end: number }) => boolean> {
    const asked = keysOf(query);
    const without = new Map<number, number>();
    if (asked.length > 0) {
      this.#paths ??= await bloomFilesIn(this.#disk, this.#directory, '.blooms');
      const found = await Promise.all(this.#paths.map((path) => this.#without(path, asked)));
      for (const { base, segmentBytes } of found.flat()) without.set(base, segmentBytes);
    }
    return ({ base, end }) => without.get(base) !== end;
  }

  /** Removes the file with a segment's filter, also one that is being made: names may be guessed by it. */
  async discard(base: number): Promise<void> {
    for (const { path, header } of await readBloomFiles(this.#disk, this.#directory, this.#logId)) {
      if (header.columns.some((column) => column.base === base)) await removeIfThere(this.#disk, path);
    }
    for (const path of await bloomFilesIn(this.#disk, this.#directory, '.blooms.tmp')) {
      await removeIfThere(this.#disk, path);
    }
    this.forget();
  }

  /** The segments of a file that have not what is asked for. */
  async #without(path: string, asked: readonly (readonly BloomKey[])[]): Promise<readonly Sealed[]> {
    try {
      return await withFile(this.#disk, path, 'read', async (file) => {
        const header = await readBloomsHeader(file, this.#logId);
        if (header === undefined) throw new BloomDamage('its header does not fit the log');
        const tests = await Promise.all(asked.map((keys) => testOf(file, header, keys)));
        return header.columns.filter((_, column) => !tests.every((test) => test(column)));
      });
    } catch (error) {
      this.forget();
      if (isMissing(error)) return [];
      if (!(error instanceof BloomDamage)) throw error;
      this.#warn(`${path} is thrown away and made again: ${error.message}`);
      await removeIfThere(this.#disk, path);
      return [];
    }
  }
}

class BloomDamage extends Error {}

/** Tells of a column whether its segment may have one of some terms. */
const testOf = async (
  file: DiskFile,
  header: BloomsHeader,
  keys: readonly BloomKey[],
): Promise<(column: number) => boolean> => {
  const rows = await Promise.all(
    keys.map(async (key) => ({ key, row: await readRow(file, rowPlace(header, key.row)) })),
  );
  return (column) => rows.some(({ key, row }) => cellHas(row, column, key));
};

/** For each field that is asked for whole terms: what any of must be there. */
const keysOf = (query: LogQuery): readonly (readonly BloomKey[])[] =>
  wantedOf(query)
    .filter(
      ({ field, terms, prefixes }) => isBloomed(field) && prefixes.length === 0 && terms.length <= MOST_TERMS,
    )
    .map(({ field, terms }) => terms.map((term) => bloomKey(field, term)));

const readRow = async (
  file: DiskFile,
  { at, bytes }: { readonly at: number; readonly bytes: number },
): Promise<Buffer> => {
  const row = Buffer.allocUnsafe(bytes);
  if ((await file.read(row, at)) < bytes || !rowHolds(row)) {
    throw new BloomDamage('a row of its filters fails its checksum');
  }
  return row;
};

/** @returns undefined where it is damaged, or of another log */
const readBloomsHeader = async (file: DiskFile, logId: string): Promise<BloomsHeader | undefined> => {
  const bytes = Buffer.alloc(BLOOMS_HEADER_BYTES);
  const header = decodeBloomsHeader(bytes.subarray(0, await file.read(bytes, 0)));
  return header?.logId === logId ? header : undefined;
};

/** A file of filters, without its rows. */
export interface BloomFile {
  readonly path: string;
  readonly header: BloomsHeader;
}

/** The files of filters of a log, oldest first; those that can't be read are removed. */
export const readBloomFiles = async (
  disk: Disk,
  directory: string,
  logId: string,
): Promise<readonly BloomFile[]> => {
  const files: BloomFile[] = [];
  for (const path of await bloomFilesIn(disk, directory, '.blooms')) {
    const header = await withFile(disk, path, 'read', (file) => readBloomsHeader(file, logId));
    if (header === undefined) await removeIfThere(disk, path);
    else files.push({ path, header });
  }
  return files;
};
