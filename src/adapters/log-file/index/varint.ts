/** Unsigned integers in 7-bit groups, the least significant first; below 2^53. */

/** Bytes of the longest. */
export const MAX_VARINT_BYTES = 8;

/** @returns the offset after it; the caller has seen to {@link MAX_VARINT_BYTES} of room */
export const putVarint = (bytes: Uint8Array, value: number, at: number): number => {
  let rest = value;
  let end = at;
  for (; rest >= 0x80; end += 1) {
    bytes[end] = (rest % 0x80) | 0x80;
    rest = Math.floor(rest / 0x80);
  }
  bytes[end] = rest;
  return end + 1;
};

/** Reads one number after the other. */
export class VarintReader {
  readonly #bytes: Uint8Array;
  at: number;

  constructor(bytes: Uint8Array, at = 0) {
    this.#bytes = bytes;
    this.at = at;
  }

  next(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 0x80) {
      const byte = this.#bytes[this.at] ?? 0;
      this.at += 1;
      value += (byte % 0x80) * scale;
      if (byte < 0x80) return value;
    }
  }
}
