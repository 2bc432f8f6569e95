import { constants, openSync } from 'node:fs';
import { Socket } from 'node:net';
import { hasCode } from '../syscalls/error.ts';

/** Bytes that wait for the process before the clients that send are slowed down. */
const queueLimit = 256 * 1024;
/** Milliseconds between looks for a reader, while something waits for one. */
const retryMs = 5;
const retryLimitMs = 200;

/**
 * Writes to a process's standard input. The fifo is opened when there is something to write and the runtime has opened
 * its end; until then it waits here. What was closed with bytes waiting is closed after them, so none are lost.
 */
export class StdinSink {
  readonly #path: string;
  readonly #drained: () => void;
  #socket: Socket | undefined;
  #queue: Buffer[] = [];
  #queued = 0;
  #closing = false;
  #retry: NodeJS.Timeout | undefined;
  #waiters: (() => void)[] = [];
  closed = false;

  /** @param drained called when there is room again */
  constructor(path: string, drained: () => void) {
    this.#path = path;
    this.#drained = drained;
  }

  get full(): boolean {
    return !this.closed && this.#queued + (this.#socket?.writableLength ?? 0) > queueLimit;
  }

  write(bytes: Buffer): void {
    if (this.closed || this.#closing) return;
    this.#queue.push(bytes);
    this.#queued += bytes.length;
    this.#pump(retryMs);
  }

  close(): void {
    this.#closing = true;
    this.#pump(retryMs);
  }

  /** Resolves when everything was handed to the process and the end is closed. */
  whenClosed(): Promise<void> {
    return this.closed ? Promise.resolve() : new Promise((resolve) => this.#waiters.push(resolve));
  }

  destroy(): void {
    this.#queue = [];
    this.#queued = 0;
    this.#finish();
  }

  #pump(delay: number): void {
    if (this.closed || this.#retry) return;
    if (this.#queue.length > 0 && !this.#socket && !this.#open()) {
      this.#retry = setTimeout(() => {
        this.#retry = undefined;
        this.#pump(Math.min(delay * 2, retryLimitMs));
      }, delay);
      return;
    }
    const socket = this.#socket;
    for (const bytes of this.#queue) socket?.write(bytes);
    this.#queue = [];
    this.#queued = 0;
    if (!this.#closing) return;
    if (socket) socket.end(() => this.#finish());
    else this.#finish();
  }

  /** @returns false while nobody reads yet */
  #open(): boolean {
    try {
      const fd = openSync(this.#path, constants.O_WRONLY | constants.O_NONBLOCK);
      this.#socket = new Socket({ fd, readable: false, writable: true });
      this.#socket.on('drain', this.#drained);
      // The process closed its input: what it does not want to read is dropped, as a pipe would.
      this.#socket.on('error', () => this.#finish());
      return true;
    } catch (error) {
      if (hasCode(error, 'ENXIO')) return false;
      this.#finish();
      if (hasCode(error, 'ENOENT')) return true;
      throw error;
    }
  }

  #finish(): void {
    if (this.closed) return;
    this.closed = true;
    clearTimeout(this.#retry);
    this.#socket?.destroy();
    for (const waiter of this.#waiters) waiter();
    this.#waiters = [];
    this.#drained();
  }
}
