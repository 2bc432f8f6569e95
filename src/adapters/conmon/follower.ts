import type { Rejection } from '../../domain/rejection.ts';
import type { OutputChunk } from '../../engine/ports/stdio.ts';

/** Bytes waiting for a client before the process it follows is slowed down. */
const slowBytes = 256 * 1024;

/** The queue of one attached client. It may slow the output down for a while, never for ever. */
export class Follower {
  readonly #taken: () => void;
  readonly #queue: OutputChunk[] = [];
  #bytes = 0;
  #over = false;
  #failure: Rejection | undefined;
  #wake: () => void = () => undefined;

  /** @param taken called when the client took something */
  constructor(taken: () => void) {
    this.#taken = taken;
  }

  get slow(): boolean {
    return !this.#over && this.#bytes > slowBytes;
  }

  push(chunk: OutputChunk): void {
    if (this.#over) return;
    this.#queue.push(chunk);
    this.#bytes += chunk.bytes.length;
    this.#wake();
  }

  /** Nothing more comes. What waits is handed out first. */
  end(failure?: Rejection): void {
    if (this.#over) return;
    this.#over = true;
    this.#failure = failure;
    this.#wake();
  }

  async *output(): AsyncGenerator<OutputChunk> {
    for (;;) {
      const chunk = this.#queue.shift();
      if (chunk !== undefined) {
        this.#bytes -= chunk.bytes.length;
        this.#taken();
        yield chunk;
      } else if (this.#over) {
        if (this.#failure) throw this.#failure;
        return;
      } else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }
}
