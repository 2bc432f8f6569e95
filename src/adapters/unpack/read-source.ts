import { read, readSync } from 'node:fs';
import { Readable, type Transform } from 'node:stream';
import { promisify } from 'node:util';
import * as zlib from 'node:zlib';
import type { OpenStream } from './inflater.ts';
import { LayerError } from './layer-error.ts';

const readAsync = promisify(read);

/** Bytes of one read; node:zlib's own 16 KiB is 1.6 times slower. */
const CHUNK = 256 * 1024;

/** Node's zstd, where this Node has it (22.15 and later). */
const zstdOf = (): (() => Transform) | undefined =>
  'createZstdDecompress' in zlib && typeof zlib.createZstdDecompress === 'function'
    ? (zlib.createZstdDecompress as () => Transform)
    : undefined;

export const nodeHasZstd = (): boolean => zstdOf() !== undefined;

const inflater = (format: 'gzip' | 'zstd'): Transform => {
  if (format === 'gzip') return zlib.createGunzip({ chunkSize: CHUNK });
  const zstd = zstdOf();
  if (zstd === undefined) throw new Error('this Node can not read zstd; install zstd');
  return zstd();
};

/** A file read stream would close the descriptor, which is not ours. */
async function* compressedBytes(fd: number): AsyncIterable<Buffer> {
  for (;;) {
    const { bytesRead, buffer } = await readAsync(fd, Buffer.allocUnsafe(CHUNK), 0, CHUNK, null);
    if (bytesRead === 0) return;
    yield buffer.subarray(0, bytesRead);
  }
}

async function* inflated(fd: number, format: 'gzip' | 'zstd'): AsyncIterable<Buffer> {
  const plain = inflater(format);
  const compressed = Readable.from(compressedBytes(fd), { objectMode: false });
  compressed.once('error', (error) => plain.destroy(error));
  compressed.pipe(plain);
  try {
    yield* plain;
  } catch (error) {
    if (error instanceof Error && 'code' in error && /^(?:Z_|ZSTD_|ERR_)/.test(String(error.code))) {
      throw new LayerError(`the ${format} stream is corrupt: ${error.message}`);
    }
    throw error;
  } finally {
    compressed.destroy();
  }
}

/**
 * Feeds the uncompressed bytes to `take`, which may keep none of them past the call. From a descriptor they are read with
 * the thread blocked: it has nothing else to do, and that takes half the time of a stream.
 */
export const readSource = async (source: OpenStream, take: (bytes: Buffer) => void): Promise<void> => {
  const { inflate } = source;
  if (inflate === 'gzip' || inflate === 'zstd') {
    for await (const bytes of inflated(source.fd, inflate)) take(bytes);
    return;
  }
  const buffer = Buffer.allocUnsafeSlow(CHUNK);
  for (;;) {
    const length = readSync(source.fd, buffer, 0, CHUNK, null);
    if (length === 0) return;
    const bytes = buffer.subarray(0, length);
    if (inflate === 'none') take(bytes);
    else inflate.push(bytes, take);
  }
};
