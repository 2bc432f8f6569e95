import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Readable, type Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import * as zlib from 'node:zlib';
import type { Compression } from '../../domain/compression.ts';
import { Rejection } from '../../domain/rejection.ts';
import { hasCode } from '../syscalls/error.ts';

/** Bytes of one piece; node:zlib's own 16 KiB is slower by half. */
const CHUNK = 256 * 1024;
/** What zstd(1) may say before it is cut off. */
const WORDS = 4096;

async function* through(bytes: AsyncIterable<Buffer>, transform: Transform): AsyncIterable<Buffer> {
  const fed = pipeline(Readable.from(bytes, { objectMode: false }), transform);
  // told below, unless reading fails first, with the same error
  fed.catch(() => undefined);
  yield* transform;
  await fed;
}

/** By zstd(1): a process that leaves before its input ends is told by its exit, not by the broken pipe. */
async function* throughZstd(bytes: AsyncIterable<Buffer>): AsyncIterable<Buffer> {
  const child = spawn('zstd', ['-q', '-c', '-3', '-T1'], { stdio: ['pipe', 'pipe', 'pipe'] });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = `${said}${text}`.slice(0, WORDS);
  });
  const ended = once(child, 'close');
  const fed = pipeline(Readable.from(bytes, { objectMode: false }), child.stdin);
  // Both are awaited below; neither may be told earlier, as one that nobody waits for.
  for (const each of [ended, fed]) each.catch(() => undefined);
  try {
    yield* child.stdout as AsyncIterable<Buffer>;
    await fed.catch((error: unknown) => {
      if (!hasCode(error, 'EPIPE')) throw error;
    });
    const [code, signal] = await ended;
    if (code === 0) return;
    throw new Rejection('internal', `zstd ended with ${signal ?? `code ${code}`}: ${said.trim()}`);
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error;
    throw new Rejection(
      'unimplemented',
      'compress a layer with zstd: neither the zstd program nor a Node with zstd (22.15) is here; install zstd: not implemented',
      { cause: error },
    );
  } finally {
    child.kill('SIGKILL');
  }
}

/** Compresses a stream, the same bytes always to the same. @throws Rejection `unimplemented` where nothing here can */
export const compressed = (bytes: AsyncIterable<Buffer>, compression: Compression): AsyncIterable<Buffer> => {
  switch (compression) {
    case 'none':
      return bytes;
    case 'gzip':
      return through(bytes, zlib.createGzip({ chunkSize: CHUNK }));
    case 'zstd':
      return 'createZstdCompress' in zlib && typeof zlib.createZstdCompress === 'function'
        ? through(bytes, (zlib.createZstdCompress as () => Transform)())
        : throughZstd(bytes);
    default:
      return compression satisfies never;
  }
};
