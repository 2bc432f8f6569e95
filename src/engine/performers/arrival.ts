import type { LayerGrowth } from '../ports/snapshots.ts';

/** What a download tells of itself. */
export interface Progress {
  /** The file is open, and has so many bytes from an earlier try. */
  began(path: string, bytes: number): void;
  grew(bytes: number): void;
}

interface Waiter {
  readonly offset: number;
  readonly resolve: (bytes: number) => void;
  readonly reject: (error: unknown) => void;
}

/** A blob on its way in, for whoever reads its file meanwhile. It always ends: by `finish` or by `fail`. */
export class Arrival implements Progress {
  readonly #size: number;
  readonly #waiting = new Set<Waiter>();
  #path: string | undefined;
  #bytes = 0;
  #finished = false;
  #failure: { readonly error: unknown } | undefined;

  /** @param size bytes in the end */
  constructor(size: number) {
    this.#size = size;
  }

  began(path: string, bytes: number): void {
    this.#path = path;
    this.grew(bytes);
  }

  grew(bytes: number): void {
    this.#bytes = bytes;
    for (const waiter of this.#waiting) {
      if (bytes <= waiter.offset) continue;
      this.#waiting.delete(waiter);
      waiter.resolve(bytes);
    }
  }

  /** All of it is there and in its place, whether it came now or was there before. */
  finish(): void {
    this.#finished = true;
    this.grew(this.#size);
  }

  fail(error: unknown): void {
    this.#failure = { error };
    for (const { reject } of this.#waiting) reject(error);
    this.#waiting.clear();
  }

  /** @returns how to read it while it grows; undefined where it is in its place: all bytes may be there before. @throws what it failed with */
  async growth(): Promise<LayerGrowth | undefined> {
    const size = this.#size;
    if (size > 0) await this.beyond(0);
    if (this.#path === undefined || this.#finished) return undefined;
    return { path: this.#path, size, beyond: (offset) => this.beyond(offset) };
  }

  /** As in {@link LayerGrowth}. */
  beyond(offset: number): Promise<number> {
    if (this.#bytes > offset) return Promise.resolve(this.#bytes);
    if (this.#failure !== undefined) return Promise.reject(this.#failure.error);
    return new Promise((resolve, reject) => this.#waiting.add({ offset, resolve, reject }));
  }
}
