import { existsSync, type FSWatcher, linkSync, mkdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import type { Logger } from '../../engine/ports/logger.ts';
import type { LogFileOptions } from '../../engine/ports/stdio.ts';
import { hasCode } from '../syscalls/error.ts';
import { watchFolder } from './watching.ts';

/** @returns undefined where there is no such file */
const fileOf = (path: string): { readonly inode: bigint; readonly size: number } | undefined => {
  const found = statSync(path, { bigint: true, throwIfNoEntry: false });
  return found && { inode: found.ino, size: Number(found.size) };
};

/**
 * Keeps what conmon puts aside when a log is full. conmon begins a new file in the place of the old one, which would be
 * gone; a second name keeps it, and here it is given the name of a rotated file: `path.1`, the one before `path.2`, and so
 * on. The second name waits for a daemon that is not there, so of a log that is filled more than once meanwhile the first
 * file and the newest are kept.
 */
export class LogKeeper {
  readonly #log: LogFileOptions;
  readonly #logger: Logger;
  #watcher: FSWatcher | undefined;

  constructor(log: LogFileOptions, logger: Logger) {
    this.#log = log;
    this.#logger = logger;
  }

  get #kept(): string {
    return `${this.#log.path}.kept`;
  }

  /**
   * Makes room for a new conmon, which knows nothing of what an earlier one wrote to the file.
   * @returns how many bytes it may write before it begins a new file
   */
  prepare(): number {
    const { path, maxBytes } = this.#log;
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    this.settle();
    const size = fileOf(path)?.size ?? 0;
    if (size <= maxBytes / 2) return maxBytes - size;
    this.#rotate(path);
    rmSync(this.#kept, { force: true });
    return maxBytes;
  }

  /** From now on, rotated files are kept as they come. */
  start(): void {
    if (this.#watcher !== undefined) return;
    const name = basename(this.#log.path);
    this.#watcher = watchFolder(dirname(this.#log.path), this.#logger, (event, changed) => {
      // What is written is a change; a new file in its place is a rename.
      if (event === 'rename' && changed === name) this.#settleNow();
    });
    this.settle();
  }

  /** Nothing is written any more. */
  finish(): void {
    this.stop();
    this.settle();
    rmSync(this.#kept, { force: true });
  }

  /** Looks no more; what comes is found by the next who settles. */
  stop(): void {
    this.#watcher?.close();
    this.#watcher = undefined;
  }

  /** Gives a file that was put aside its name, and the one being written a second one. Safe to repeat after a crash. */
  settle(): void {
    const { path } = this.#log;
    const current = fileOf(path);
    const kept = fileOf(this.#kept);
    if (kept !== undefined && kept.inode !== current?.inode) this.#rotate(this.#kept);
    if (current !== undefined && !existsSync(this.#kept)) linkSync(path, this.#kept);
  }

  #settleNow(): void {
    try {
      this.settle();
    } catch (error) {
      this.#logger.warn('rotated output of a container could not be kept', { path: this.#log.path, error });
    }
  }

  #rotate(newest: string): void {
    const { path, maxFiles } = this.#log;
    if (maxFiles <= 1) rmSync(newest, { force: true });
    for (let number = maxFiles - 1; number >= 1; number--) {
      const newer = number === 1 ? newest : `${path}.${number - 1}`;
      try {
        renameSync(newer, `${path}.${number}`);
      } catch (error) {
        if (!hasCode(error, 'ENOENT')) throw error;
      }
    }
  }
}
