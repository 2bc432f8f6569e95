/** Whole numbers from 0 to 2^32 - 1, four bytes each: an index in the making has hundreds of thousands of them. */
export class NumberList {
  #numbers = new Uint32Array(1024);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(number: number): void {
    if (this.#length === this.#numbers.length) {
      const larger = new Uint32Array(this.#length * 2);
      larger.set(this.#numbers);
      this.#numbers = larger;
    }
    this.#numbers[this.#length] = number;
    this.#length += 1;
  }

  /** Those from one place to another, the end left out; valid until the next one is added. */
  slice(from = 0, to = this.#length): Uint32Array {
    return this.#numbers.subarray(from, Math.min(to, this.#length));
  }
}
