import { type Extract, extract } from 'tar-stream';
import { isRejection, Rejection } from '../../domain/rejection.ts';
import type { ArchiveEntry, OpenArchive } from '../../engine/ports/archive.ts';
import { inflated } from './inflate.ts';
import type { ArchiveLimits } from './limits.ts';
import { entryPath, linkTarget } from './names.ts';
import { roomIn } from './room.ts';

type Entry = Extract extends AsyncIterable<infer Source> ? Source : never;

/** Opens an archive, plain or compressed. Nothing is read before the first `next`. */
export const openArchive = (source: AsyncIterable<Uint8Array>, limits: ArchiveLimits): OpenArchive => {
  const tar = extract();
  const entries = tar[Symbol.asyncIterator]();
  let started = false;
  let current: Entry | undefined;
  let count = 0;
  let reason: unknown;

  const fail = (error: unknown) => {
    reason ??= asArchiveError(error);
    tar.destroy(null);
  };

  /** Gives the parser what it can take. Its failures come out of `next` and `bytes`. */
  const feed = async (): Promise<void> => {
    let total = 0;
    try {
      for await (const bytes of inflated(source, 'the archive')) {
        total += bytes.length;
        if (total > limits.totalBytes) throw tooMuch(`more than ${limits.totalBytes} bytes`);
        if (tar.destroyed) return;
        if (!tar.write(bytes)) await roomIn(tar);
      }
      tar.end(null);
    } catch (error) {
      fail(error);
    }
  };

  const take = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      const taken = await work();
      if (reason !== undefined) throw reason;
      return taken;
    } catch (error) {
      fail(error);
      throw reason;
    }
  };

  const nextEntry = async (): Promise<ArchiveEntry | undefined> => {
    // Its errors come out of what waits for the parser.
    if (!started) feed();
    started = true;
    for (;;) {
      current?.resume();
      // A parser that was destroyed before it is asked never answers.
      if (reason !== undefined) throw reason;
      const next = await entries.next();
      current = next.done ? undefined : next.value;
      if (reason !== undefined) throw reason;
      if (current === undefined) return undefined;
      count += 1;
      if (count > limits.entries) throw tooMuch(`more than ${limits.entries} entries`);
      const entry = entryOf(current, limits);
      if (entry !== undefined) return entry;
    }
  };

  return {
    next: () => take(nextEntry),
    async *bytes() {
      const file = current;
      current = undefined;
      if (file === undefined) return;
      try {
        for await (const bytes of file) yield bytes as Uint8Array;
      } catch (error) {
        fail(error);
      }
      if (reason !== undefined) throw reason;
    },
    close: (why) => {
      fail(why);
    },
  };
};

/** What an entry is to us; undefined for folders. */
const entryOf = ({ header }: Entry, limits: ArchiveLimits): ArchiveEntry | undefined => {
  const path = entryPath(header.name);
  const { type, size = 0 } = header;
  switch (type) {
    case 'directory':
      return undefined;
    case 'file':
    case 'contiguous-file':
      if (size > limits.fileBytes) throw tooMuch(`'${path}' with ${size} bytes`);
      return { kind: 'file', path, size };
    case 'symlink':
    case 'link':
      return { kind: 'link', path, target: linkTarget(path, header.linkname ?? '', type) };
    default:
      throw new Rejection(
        'failed-precondition',
        `the archive holds '${path}', a ${type ?? 'thing of an unknown kind'}; archives of images hold files, folders and links`,
      );
  }
};

const tooMuch = (what: string): Rejection =>
  new Rejection('resource-exhausted', `the archive holds ${what}, which is over the limit`);

const asArchiveError = (error: unknown): Rejection =>
  isRejection(error)
    ? error
    : new Rejection(
        'failed-precondition',
        `this is not a whole archive of images: ${error instanceof Error ? error.message : String(error)}`,
        { cause: error },
      );
