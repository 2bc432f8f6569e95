import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createGzip } from 'node:zlib';
import { extract, pack } from 'tar-stream';
import { TlogError } from '../tlog/error.ts';
import { SliceLimits, type SlicePart } from './format.ts';

/** The same for every part, so that equal slices are equal files. */
const fixed = { mtime: new Date(0), uid: 0, gid: 0, mode: 0o644 } as const;

/**
 * The bytes of the file that holds these parts. Holds one part at a time.
 * @throws what the parts throw
 */
export async function* packSlice(parts: AsyncIterable<SlicePart>): AsyncGenerator<Uint8Array> {
  const tar = pack();
  const gzip = createGzip({ level: 6, chunkSize: 64 * 1024 });
  const failed = new AbortController();
  const fill = async (): Promise<void> => {
    for await (const { path, bytes } of parts) {
      if (failed.signal.aborted) return;
      await new Promise<void>((resolve, reject) => {
        tar.entry({ ...fixed, name: path }, Buffer.from(bytes), (error) =>
          error ? reject(error) : resolve(),
        );
      });
    }
    tar.finalize();
  };
  let failure: unknown;
  const filling = fill().catch((error: unknown) => {
    failure = error;
    tar.destroy(error instanceof Error ? error : undefined);
  });
  const piping = pipeline(tar, gzip).catch((error: unknown) => {
    failure ??= error;
  });
  try {
    for await (const bytes of gzip) yield bytes as Uint8Array;
    await Promise.all([filling, piping]);
  } catch (error) {
    throw failure ?? error;
  } finally {
    failed.abort();
    tar.destroy();
    gzip.destroy();
  }
  if (failure !== undefined) throw failure;
}

/**
 * The parts of a slice, in order. Each is whole in memory, and no larger than {@link SliceLimits.maxPartBytes}.
 * @throws TlogError for what is no such file, or a damaged one; errors of the file system as they are
 */
export async function* unpackSlice(path: string): AsyncGenerator<SlicePart> {
  const source = createReadStream(path);
  const gunzip = createGunzip({ chunkSize: 64 * 1024 });
  const tar = extract();
  let failure: unknown;
  const piping = pipeline(source, gunzip, tar).catch((error: unknown) => {
    failure = error;
  });
  try {
    for await (const entry of tar) {
      const { name, type, size = 0 } = entry.header;
      if (type !== 'file' || size > SliceLimits.maxPartBytes) {
        throw new TlogError(`'${name}' in it is no part of a slice (${type}, ${size} bytes)`);
      }
      const chunks: Buffer[] = [];
      for await (const chunk of entry as AsyncIterable<Buffer>) chunks.push(chunk);
      yield { path: name, bytes: Buffer.concat(chunks) };
    }
    await piping;
    if (failure !== undefined) throw failure;
  } catch (error) {
    throw readable(failure ?? error);
  } finally {
    source.destroy();
    gunzip.destroy();
    tar.destroy();
  }
}

/** Errors of gzip and tar say that this is no slice; those of the file system (which have a path) stay what they are. */
const readable = (error: unknown): unknown => {
  if (!(error instanceof Error) || error instanceof TlogError || 'syscall' in error) return error;
  return new TlogError(`the file is no slice, or is damaged: ${error.message}`);
};
