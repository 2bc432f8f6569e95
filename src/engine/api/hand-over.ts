/** One item at a time from a writer to a reader, each at the other's pace. */
export class HandOver<T> {
  #item:
    | { readonly value: T; readonly taken: () => void; readonly refused: (why: unknown) => void }
    | undefined;
  #end: { readonly error?: unknown } | undefined;
  #wake = () => {};

  /** Resolves when the reader wants more. @throws what {@link drop} was given */
  put(value: T): Promise<void> {
    return new Promise((taken, refused) => {
      if (this.#end) {
        refused(this.#end.error);
        return;
      }
      this.#item = { value, taken, refused };
      this.#wake();
    });
  }

  /** Nothing more will come. */
  end(): void {
    this.#end ??= {};
    this.#wake();
  }

  /** Ends it for both. What was not taken is lost. */
  drop(error: unknown): void {
    this.#end ??= { error };
    this.#item?.refused(error);
    this.#item = undefined;
    this.#wake();
  }

  /** What was put, in order. @throws what {@link drop} was given */
  async *items(): AsyncGenerator<T> {
    for (;;) {
      const item = this.#item;
      if (item) {
        yield item.value;
        this.#item = undefined;
        item.taken();
      } else if (this.#end) {
        if ('error' in this.#end) throw this.#end.error;
        return;
      } else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }
}
