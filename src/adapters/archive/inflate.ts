import { spawn } from 'node:child_process';
import { type Duplex, Readable, type Writable } from 'node:stream';
import * as zlib from 'node:zlib';
import { compressionOf, magicBytes } from '../../domain/compression.ts';
import { isRejection, Rejection } from '../../domain/rejection.ts';

/** Bytes of one step; node:zlib's own 16 KiB is 1.6 times slower. */
const STEP = 256 * 1024;

/** The bytes uncompressed, whatever they are compressed with. @param what names them in errors */
export async function* inflated(source: AsyncIterable<Uint8Array>, what: string): AsyncGenerator<Uint8Array> {
  const { head, whole } = await peek(source);
  const compression = compressionOf(head);
  if (compression === 'none') yield* whole;
  else if (compression === 'gzip') yield* through(whole, zlib.createGunzip({ chunkSize: STEP }), what);
  else if (nodeZstd) yield* through(whole, nodeZstd(), what);
  else yield* throughProgram(whole, what);
}

/** The first bytes, and all of them, those again included. */
const peek = async (source: AsyncIterable<Uint8Array>) => {
  const chunks = source[Symbol.asyncIterator]();
  const first: Uint8Array[] = [];
  let length = 0;
  while (length < magicBytes) {
    const next = await chunks.next();
    if (next.done) break;
    first.push(next.value);
    length += next.value.length;
  }
  const whole = async function* (): AsyncGenerator<Uint8Array> {
    try {
      yield* first;
      for (let next = await chunks.next(); !next.done; next = await chunks.next()) yield next.value;
    } finally {
      await chunks.return?.();
    }
  };
  return { head: Buffer.concat(first).subarray(0, magicBytes), whole: whole() };
};

/** Node's own zstd, where this Node has it (22.15 and later). */
const nodeZstd: (() => Duplex) | undefined =
  'createZstdDecompress' in zlib && typeof zlib.createZstdDecompress === 'function'
    ? (zlib.createZstdDecompress as () => Duplex)
    : undefined;

/** Feeds a stream, and hands its failure on. */
const feed = (
  source: AsyncIterable<Uint8Array>,
  into: Writable,
  failed: (error: Error) => void,
): Readable => {
  const bytes = Readable.from(source, { objectMode: false });
  bytes.once('error', failed);
  bytes.pipe(into);
  return bytes;
};

async function* through(
  source: AsyncIterable<Uint8Array>,
  inflater: Duplex,
  what: string,
): AsyncGenerator<Uint8Array> {
  const bytes = feed(source, inflater, (error) => inflater.destroy(error));
  try {
    yield* inflater;
  } catch (error) {
    if (error instanceof Error && 'code' in error && /^(?:Z_|ZSTD_)/.test(String(error.code))) {
      throw corrupt(what, error.message, error);
    }
    throw error;
  } finally {
    bytes.destroy();
  }
}

/** The `zstd` program, for a Node that has none. */
async function* throughProgram(source: AsyncIterable<Uint8Array>, what: string): AsyncGenerator<Uint8Array> {
  const child = spawn('zstd', ['-d', '-c', '-q'], { stdio: 'pipe' });
  let failure: Error | undefined;
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = `${said}${text}`.slice(0, 1024);
  });
  const ended = new Promise<number | null>((resolve) => {
    child.once('error', (error) => {
      failure ??= missing(what, error);
      resolve(null);
    });
    child.once('close', resolve);
  });
  // A program that ended early breaks its pipe; its own words and exit code say why.
  child.stdin.on('error', (error) => {
    said ||= error.message;
  });
  const bytes = feed(source, child.stdin, (error) => {
    failure ??= error;
    child.kill('SIGKILL');
  });
  try {
    yield* child.stdout;
    const code = await ended;
    if (failure) throw failure;
    if (code !== 0) throw corrupt(what, said.trim() || `zstd ended with ${code}`);
  } finally {
    bytes.destroy();
    child.kill('SIGKILL');
    await ended;
  }
}

const corrupt = (what: string, why: string, cause?: Error): Rejection =>
  new Rejection('failed-precondition', `${what} is corrupt: ${why}`, { cause });

const missing = (what: string, cause: Error): Rejection =>
  isRejection(cause)
    ? cause
    : new Rejection(
        'unimplemented',
        `${what} is compressed with zstd, and neither the zstd program nor a Node with zstd (22.15) is here; install zstd`,
        { cause },
      );
