import { constants, openSync, readSync } from 'node:fs';
import { Socket } from 'node:net';
import { hasCode } from '../syscalls/error.ts';

/** Bytes asked of the kernel at once when looking for the end. */
const probeBytes = 64 * 1024;

/**
 * Reads one output fifo to its end.
 *
 * The end is exact without any help: a fifo opened for reading before its first writer reports no end until a writer has
 * come and gone (pipe(7), POLLHUP), and the runtime keeps its writing end open as long as the process or a descendant
 * has the stream. One case the kernel cannot tell: this reader came after the last writer had gone (the holder was
 * started again meanwhile), or no writer ever came. {@link lookForEnd} settles that once the process is known to be over.
 */
export class OutputSource {
  readonly #fd: number;
  readonly #socket: Socket;
  readonly #take: (bytes: Buffer) => void;
  readonly #finish: () => void;
  ended = false;

  constructor(path: string, take: (bytes: Buffer) => void, finish: () => void) {
    this.#take = take;
    this.#finish = finish;
    this.#fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    this.#socket = new Socket({ fd: this.#fd, readable: true, writable: false });
    this.#socket.on('data', take);
    this.#socket.once('end', () => this.#end());
    // An unreadable fifo has no more output; its close follows.
    this.#socket.on('error', () => this.#end());
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    if (!this.ended) this.#socket.resume();
  }

  /** Takes what is there and ends where no writer is left. To be called when the process is over. */
  lookForEnd(): void {
    if (this.ended || this.#socket.isPaused() || this.#socket.readableLength > 0) return;
    const buffer = Buffer.allocUnsafe(probeBytes);
    try {
      for (;;) {
        const length = readSync(this.#fd, buffer);
        if (length === 0) break;
        this.#take(Buffer.from(buffer.subarray(0, length)));
      }
      this.#end();
    } catch (error) {
      if (!hasCode(error, 'EAGAIN')) throw error;
      // A writer is there and silent: its end will be reported.
    }
  }

  destroy(): void {
    this.#end();
  }

  #end(): void {
    if (this.ended) return;
    this.ended = true;
    this.#socket.destroy();
    this.#finish();
  }
}
