import { createHash, type Hash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import type { Algorithm } from './layout.ts';

/** Bytes a read takes: large enough that the thread pool's overhead vanishes, small enough not to hold the loop. */
const READ_BYTES = 256 * 1024;

/**
 * Bytes `[from, to)` of an open file, in pieces of at most 256 KiB, ending early where the file does. The next piece is
 * read while the caller works on this one.
 */
export async function* readRange(handle: FileHandle, from: number, to: number): AsyncGenerator<Uint8Array> {
  const next = (at: number) => {
    const want = Math.min(READ_BYTES, to - at);
    const read = want > 0 ? handle.read(Buffer.allocUnsafeSlow(want), 0, want, at) : undefined;
    // Seen by whoever awaits it; an early return of the caller must not leave it unhandled.
    read?.catch(() => undefined);
    return read;
  };
  let at = from;
  let reading = next(at);
  try {
    while (reading !== undefined) {
      const { bytesRead, buffer } = await reading;
      reading = undefined;
      if (bytesRead === 0) return;
      at += bytesRead;
      reading = next(at);
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    // The handle must not be closed under a read that is still going on; its failure no longer matters to anyone.
    await reading?.catch(() => undefined);
  }
}

/** Hash of the first `length` bytes. @returns it unfinished, so that more can follow, and the bytes really there */
export const hashOfFile = async (
  handle: FileHandle,
  algorithm: Algorithm,
  length = Number.POSITIVE_INFINITY,
): Promise<{ hash: Hash; bytes: number }> => {
  const hash = createHash(algorithm);
  let bytes = 0;
  for await (const piece of readRange(handle, 0, length)) {
    hash.update(piece);
    bytes += piece.length;
  }
  return { hash, bytes };
};
