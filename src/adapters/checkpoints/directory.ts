import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { StringDecoder } from 'node:string_decoder';
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';
import { createDeflateRaw, createInflateRaw } from 'node:zlib';
import type { Position } from '../../domain/identity.ts';
import { Rejection } from '../../domain/rejection.ts';
import type {
  Checkpoint,
  CheckpointHeader,
  Checkpoints,
  StoredCheckpoint,
} from '../../engine/ports/checkpoints.ts';
import { hasCode } from '../syscalls/error.ts';
import { syncDirectoryAside } from '../syscalls/sync.ts';
import {
  decodeHeader,
  encodeHeader,
  fileName,
  HASH_BYTES,
  headerLength,
  PREFIX_BYTES,
  positionIn,
} from './format.ts';
import { makeRoomFor } from './room.ts';

/** Bytes of text handed on at once. */
const PIECE = 64 * 1024;
/** Milliseconds for which lines are taken before others get their turn. */
const SLICE = 3;
/** How many times as long as such a slice took it rests, where it is to leave the time to others. */
const REST = 4;
/** Deflating is for large states, whose containers resemble each other: level 1 finds that as well as 6 does. */
const DEFLATE = { level: 1, chunkSize: PIECE };
/** Large pieces go through fewer hands, and V8 doesn't move texts of this size about while the rest is read. */
const INFLATE = { chunkSize: 256 * 1024 };

const damaged = (path: string, what: string, cause?: unknown): Rejection =>
  new Rejection('data-loss', `Reading the checkpoint ${path}: ${what}.`, { cause });

const failed = (error: unknown, doing: string): Rejection => {
  const full = hasCode(error, 'ENOSPC') || hasCode(error, 'EDQUOT');
  const words = error instanceof Error ? error.message : String(error);
  return new Rejection(full ? 'resource-exhausted' : 'unavailable', `${doing}: ${words}`, { cause: error });
};

/** The folder where checkpoints are kept. What a crash left half-written is taken away. */
export const openCheckpoints = async (directory: string): Promise<Checkpoints> => {
  if ((await mkdir(directory, { recursive: true, mode: 0o700 })) !== undefined) {
    await syncDirectoryAside(dirname(directory));
  }
  const kept = new Map<Position, number>();
  for (const name of await readdir(directory)) {
    const at = positionIn(name);
    if (at !== undefined) kept.set(at, (await stat(join(directory, name))).size);
    else if (name.endsWith('.checkpoint.tmp')) await rm(join(directory, name));
  }
  const pathOf = (at: Position): string => join(directory, fileName(at));
  return {
    list: () =>
      [...kept]
        .map(([position, bytes]): StoredCheckpoint => ({ position, bytes }))
        .sort((a, b) => (a.position < b.position ? -1 : 1)),
    open: (at) => openOne(pathOf(at), at),
    async save(header, lines, rests = () => false) {
      const path = pathOf(header.position);
      try {
        const bytes = await writeOne(`${path}.tmp`, header, piecesOf(lines, rests));
        await rename(`${path}.tmp`, path);
        await syncDirectoryAside(directory);
        kept.set(header.position, bytes);
      } catch (error) {
        await rm(`${path}.tmp`, { force: true });
        throw failed(error, `Saving the checkpoint ${path}`);
      }
    },
    async remove(at) {
      kept.delete(at);
      await rm(pathOf(at), { force: true });
    },
  };
};

/** Milliseconds; what the disk makes of it is no work. */
const worked = (since: number): number => Math.min(performance.now() - since, 2 * SLICE);

/** Lines joined into pieces; other work gets its turn between two, or most of the time. */
async function* piecesOf(lines: Iterable<string>, rests: () => boolean): AsyncGenerator<Buffer> {
  let text = '';
  let since = performance.now();
  for (const line of lines) {
    text += `${line}\n`;
    if (text.length < PIECE && performance.now() - since < SLICE) continue;
    yield Buffer.from(text);
    text = '';
    await (rests() ? sleep(worked(since) * REST) : turn());
    since = performance.now();
  }
  yield Buffer.from(text);
}

/** @returns bytes of the file */
const writeOne = async (
  path: string,
  header: CheckpointHeader,
  pieces: AsyncIterable<Buffer>,
): Promise<number> => {
  const file = await open(path, 'w', 0o600);
  try {
    const hash = createHash('sha256');
    let bytes = 0;
    const put = async (chunk: Buffer): Promise<void> => {
      hash.update(chunk);
      await file.writeFile(chunk);
      bytes += chunk.length;
    };
    await put(encodeHeader(header));
    await pipeline(Readable.from(pieces), createDeflateRaw(DEFLATE), async (packed) => {
      for await (const chunk of packed as AsyncIterable<Buffer>) await put(chunk);
    });
    await put(hash.copy().digest());
    await file.sync();
    return bytes;
  } finally {
    await file.close();
  }
};

/** The hash is checked over the whole file before a line of it is believed. */
const openOne = async (path: string, at: Position): Promise<Checkpoint> => {
  let file: FileHandle;
  try {
    file = await open(path, 'r');
  } catch (error) {
    throw damaged(path, error instanceof Error ? error.message : String(error), error);
  }
  try {
    const { size } = await file.stat();
    await checkHash(file, path, size);
    makeRoomFor(size);
    const prefix = Buffer.alloc(PREFIX_BYTES);
    await file.read(prefix, 0, PREFIX_BYTES, 0);
    const length = headerLength(prefix);
    if (typeof length === 'string') throw damaged(path, length);
    const text = Buffer.alloc(length);
    await file.read(text, 0, length, PREFIX_BYTES);
    const header = decodeHeader(text.toString());
    if (header.position !== at) throw damaged(path, `it is of position ${header.position}, not of its name`);
    return { header, lines: linesIn(path, PREFIX_BYTES + length, size - HASH_BYTES - 1) };
  } catch (error) {
    throw error instanceof Rejection ? error : damaged(path, 'it can not be read', error);
  } finally {
    await file.close();
  }
};

const checkHash = async (file: FileHandle, path: string, size: number): Promise<void> => {
  if (size < PREFIX_BYTES + HASH_BYTES) throw damaged(path, `it is cut short at ${size} bytes`);
  const hash = createHash('sha256');
  const buffer = Buffer.alloc(256 * 1024);
  const end = size - HASH_BYTES;
  for (let at = 0; at < end; ) {
    const { bytesRead } = await file.read(buffer, 0, Math.min(buffer.length, end - at), at);
    if (bytesRead === 0) throw damaged(path, 'it became shorter while it was read');
    hash.update(buffer.subarray(0, bytesRead));
    at += bytesRead;
  }
  const said = Buffer.alloc(HASH_BYTES);
  await file.read(said, 0, HASH_BYTES, end);
  if (!hash.digest().equals(said)) throw damaged(path, 'its bytes are not those that were saved');
};

/** @param end offset of the last byte */
async function* linesIn(path: string, start: number, end: number): AsyncGenerator<readonly string[]> {
  const source = createReadStream(path, { start, end, highWaterMark: PIECE });
  const inflate = createInflateRaw(INFLATE);
  source.on('error', (error) => inflate.destroy(error));
  const decoder = new StringDecoder('utf8');
  let rest = '';
  try {
    for await (const chunk of source.pipe(inflate) as AsyncIterable<Buffer>) {
      const lines = (rest + decoder.write(chunk)).split('\n');
      rest = lines.pop() ?? '';
      yield lines;
    }
  } finally {
    source.destroy();
  }
  if (rest !== '') throw damaged(path, 'its last line has no end');
}
