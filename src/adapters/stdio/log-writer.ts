import { closeSync, fstatSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { hasCode } from '../syscalls/error.ts';
import { type FormattedEntries, formatEntries, type StreamName } from './cri-format.ts';

export interface LogSettings {
  readonly path: string;
  readonly maxBytes: number;
  readonly maxFiles: number;
}

/** The wall clock in microseconds since the Unix epoch. */
const now = (): number => Math.floor((performance.timeOrigin + performance.now()) * 1000);

/**
 * Appends output to a container's log and rotates it: `path` is the newest file, `path.1` the one before, and so on. A
 * write goes to the kernel before the next output is read, so a crash of the holder loses nothing of it. Where the disk
 * is full the output is dropped, and an entry says so as soon as there is room again: a container must not stop for its
 * log.
 */
export class LogWriter {
  readonly #settings: LogSettings;
  #fd: number | undefined;
  #size = 0;
  #lostBytes = 0;
  #lostWhy = '';

  constructor(settings: LogSettings) {
    this.#settings = settings;
    mkdirSync(dirname(settings.path), { recursive: true, mode: 0o700 });
    this.#open();
  }

  write(stream: StreamName, bytes: Buffer): void {
    try {
      if (this.#lostBytes > 0) this.#tellLoss();
      this.#append(formatEntries(stream, bytes, now()));
    } catch (error) {
      this.#lostBytes += bytes.length;
      this.#lostWhy = error instanceof Error ? error.message : String(error);
      this.close();
    }
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }

  #tellLoss(): void {
    // The line break ends an entry that was written in part; a reader passes over it.
    this.#put(Buffer.from('\n'));
    const words = `[shiplog: ${this.#lostBytes} bytes of output were lost: ${this.#lostWhy}]\n`;
    this.#append(formatEntries('stderr', Buffer.from(words), now()));
    this.#lostBytes = 0;
  }

  #append({ bytes, ends }: FormattedEntries): void {
    let from = 0;
    let to = 0;
    for (const end of ends) {
      const filled = this.#size + to - from;
      if (filled > 0 && filled + end - to > this.#settings.maxBytes) {
        this.#put(bytes.subarray(from, to));
        this.#rotate();
        from = to;
      }
      to = end;
    }
    this.#put(bytes.subarray(from, to));
  }

  #put(bytes: Buffer): void {
    const fd = this.#fd ?? this.#open();
    let at = 0;
    while (at < bytes.length) {
      const written = writeSync(fd, bytes, at);
      at += written;
      this.#size += written;
    }
  }

  #open(): number {
    const fd = openSync(this.#settings.path, 'a', 0o640);
    this.#fd = fd;
    this.#size = fstatSync(fd).size;
    return fd;
  }

  #rotate(): void {
    this.close();
    const { path, maxFiles } = this.#settings;
    if (maxFiles <= 1) rmSync(path, { force: true });
    for (let number = maxFiles - 1; number >= 1; number--) {
      const newer = number === 1 ? path : `${path}.${number - 1}`;
      try {
        renameSync(newer, `${path}.${number}`);
      } catch (error) {
        if (!hasCode(error, 'ENOENT')) throw error;
      }
    }
    this.#open();
  }
}
