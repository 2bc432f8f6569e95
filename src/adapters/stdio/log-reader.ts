import { type FSWatcher, watch } from 'node:fs';
import { basename, dirname } from 'node:path';
import { Rejection } from '../../domain/rejection.ts';
import type { ContainerLogs, LogEntry, ReadLogs } from '../../engine/ports/stdio.ts';
import { hasCode } from '../syscalls/error.ts';
import { entryHeadLimit, entryTextLimit, parseEntry } from './cri-format.ts';
import { logAfter, logFiles, type OpenLog, openLog } from './log-files.ts';
import { tailStart } from './log-tail.ts';

const readBytes = 64 * 1024;
/** Longest line that makes sense, in bytes; more without a line break is damage. */
const lineLimit = entryTextLimit + entryHeadLimit + 1;
/** Following relies on being told of changes; this is for file systems that don't tell, in milliseconds. */
const pollMs = 250;

const newline = Buffer.from('\n');

/** Reads one open file onwards; hands out whole lines only. */
class LineReader {
  readonly log: OpenLog;
  #offset: number;
  #rest: Buffer = Buffer.alloc(0);
  constructor(log: OpenLog, offset: number) {
    this.log = log;
    this.#offset = offset;
  }

  /** @returns the entries that are there now, none at the end */
  async next(): Promise<readonly LogEntry[]> {
    const buffer = Buffer.allocUnsafe(readBytes);
    const { bytesRead } = await this.log.handle.read(buffer, 0, readBytes, this.#offset);
    if (bytesRead === 0) return [];
    this.#offset += bytesRead;
    const bytes = Buffer.concat([this.#rest, buffer.subarray(0, bytesRead)]);
    const entries: LogEntry[] = [];
    let at = 0;
    for (let end = bytes.indexOf(newline); end >= 0; end = bytes.indexOf(newline, at)) {
      const entry = parseEntry(bytes.subarray(at, end));
      if (entry) {
        const { time, stream, full, text } = entry;
        entries.push({ time, stream, bytes: full ? Buffer.concat([text, newline]) : text });
      }
      at = end + 1;
    }
    this.#rest = bytes.subarray(at);
    if (this.#rest.length > lineLimit) {
      throw new Rejection(
        'data-loss',
        `the log holds no line break in ${this.#rest.length} bytes before ${this.#offset}`,
      );
    }
    return entries.length > 0 ? entries : this.next();
  }
}

/** Tells of changes in a log's folder. */
const watchFolder = (path: string, signal: AbortSignal | undefined, ended: Promise<void> | undefined) => {
  let wake = (): void => undefined;
  let over = signal?.aborted ?? false;
  const finish = (): void => {
    over = true;
    wake();
  };
  const base = basename(path);
  let watcher: FSWatcher | undefined;
  try {
    watcher = watch(dirname(path), (_event, name) => {
      if (name === null || name === base) wake();
    });
    watcher.on('error', finish); // the folder is gone, and the log with it
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error; // not made yet: looked for at each turn
  }
  signal?.addEventListener('abort', finish, { once: true });
  void ended?.then(finish, finish);
  return {
    isOver: () => over,
    /** Resolves at a change, or at the latest after a while. */
    changed: (): Promise<void> =>
      new Promise((resolve) => {
        if (over) return resolve();
        const timer = setTimeout(resolve, pollMs);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      }),
    close: () => {
      signal?.removeEventListener('abort', finish);
      watcher?.close();
    },
  };
};

/** Every entry from the first file on, through rotations; with `follow` also those to come. */
async function* entriesOf(path: string, options: ReadLogs): AsyncGenerator<LogEntry> {
  const follow = options.follow;
  const watcher = follow ? watchFolder(path, options.signal, options.ended) : undefined;
  let reader: LineReader | undefined;
  try {
    const begin =
      options.tail === undefined
        ? { file: (await logFiles(path))[0], offset: 0 }
        : await tailStart(path, options.tail);
    const first = begin?.file === undefined ? undefined : await openLog(begin.file);
    reader = first && new LineReader(first, begin?.offset ?? 0);
    while (!options.signal?.aborted) {
      // Asked before reading: what is written until then is read before the end is believed.
      const over = watcher?.isOver() ?? true;
      const entries = (await reader?.next()) ?? [];
      yield* entries;
      if (entries.length > 0) continue;
      const next = reader ? await logAfter(path, reader.log.inode) : (await logFiles(path))[0];
      if (next !== undefined) {
        const opened = await openLog(next);
        if (opened === undefined) continue; // rotated away at this very moment: look again
        // The writer had left this file before the next one appeared, so now its last entries are there.
        for (let more = await reader?.next(); more?.length; more = await reader?.next()) yield* more;
        await reader?.log.handle.close();
        reader = new LineReader(opened, 0);
        continue;
      }
      if (over) return;
      await watcher?.changed();
    }
  } finally {
    await reader?.log.handle.close();
    watcher?.close();
  }
}

/** Reads container logs in CRI format. */
export const createContainerLogs = (): ContainerLogs => ({
  async *read(path, options) {
    for await (const entry of entriesOf(path, options)) {
      if (options.since !== undefined && entry.time < options.since) continue;
      if (options.until !== undefined && entry.time > options.until) return;
      yield entry;
    }
  },
});
