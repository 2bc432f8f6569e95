import { LayerError } from './layer-error.ts';

/** What a layer may grow to; each is generous for honest layers and an end for the others. */
export interface UnpackLimits {
  /** Bytes of the uncompressed archive. */
  readonly uncompressedBytes: number;
  /** Entries of the archive. */
  readonly entries: number;
  /** Uncompressed bytes per compressed one; asked only past `ratioFreeBytes`. */
  readonly ratio: number;
  /** Uncompressed bytes up to which any ratio will do: a small file of zeros is no bomb. */
  readonly ratioFreeBytes: number;
}

export const defaultUnpackLimits: UnpackLimits = {
  uncompressedBytes: 256 * 1024 ** 3,
  entries: 4_000_000,
  // deflate ends at 1032
  ratio: 1100,
  ratioFreeBytes: 1024 ** 3,
};

/** @throws LayerError */
export const checkSize = (limits: UnpackLimits, uncompressed: number, compressed: number): void => {
  if (uncompressed > limits.uncompressedBytes) {
    throw new LayerError(`it unpacks to more than the limit of ${limits.uncompressedBytes} bytes`);
  }
  if (uncompressed > limits.ratioFreeBytes && uncompressed > compressed * limits.ratio) {
    throw new LayerError(`it unpacks to more than ${limits.ratio} times its size, which is over the limit`);
  }
};
