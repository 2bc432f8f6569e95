import { randomBytes } from 'node:crypto';
import { dirname, join } from 'node:path';
import { Rejection } from '../../domain/rejection.ts';
import type { Disk, DiskFile } from './disk.ts';
import { createDurably, truncateDurably, withFile } from './durable-file.ts';
import { LogDamage } from './failure.ts';
import {
  CHAIN_START,
  decodeSegmentHeader,
  encodeSegmentHeader,
  FORMAT_VERSION,
  SEGMENT_HEADER_BYTES,
  type SegmentHeader,
  segmentName,
} from './format.ts';
import { chainAfter, countOf, firstOf, syncedOf } from './group.ts';
import { forgetHorizon, justifyHorizon } from './horizon.ts';
import { outOfOrder } from './read.ts';
import { scan } from './scan.ts';
import { Segment, SparseIndex } from './segment.ts';
import { judgeTail } from './tail.ts';

/** Bytes of a write that never became durable, found and cut away at the end of the log. */
export interface TornTail {
  readonly file: string;
  readonly offset: number;
  /** Bytes between there and the end of the file, zeros included. */
  readonly bytes: number;
}

export interface Recovered {
  readonly segments: Segment[];
  readonly logId: string;
  /** Events in the log. */
  readonly next: number;
  /** Chain hash after the last of them. */
  readonly chain: string;
  /** Whether the last segment ends with a mark, or has no events. */
  readonly marked: boolean;
  /** Size of the last segment's file. */
  readonly size: number;
  readonly torn?: TornTail;
  /** Where the events before the first segment are, as far as they were archived. */
  readonly archives: readonly string[];
}

const SEGMENT_NAME = /^\d{20}\.segment$/;

/** Paths of a log's segments, in order. */
export const segmentPaths = async (disk: Disk, directory: string): Promise<string[]> =>
  (await disk.list(directory))
    .filter((name) => SEGMENT_NAME.test(name))
    .sort()
    .map((name) => join(directory, name));

/** Makes the directory of a log, durably. */
export const makeDirectory = async (disk: Disk, directory: string): Promise<void> => {
  const made = await disk.makeDirectory(directory);
  if (made === undefined) return;
  for (let path = directory; path !== dirname(made); path = dirname(path)) {
    await disk.syncDirectory(dirname(path));
  }
};

/**
 * Finds the end of a log, under the writer's lock: reads every segment's header and all of the last segment. A torn tail
 * is cut, an empty directory becomes an empty log. Earlier segments are checked as they are read.
 * @throws LogDamage; Rejection `failed-precondition` for a format of another version
 */
export const recover = async (disk: Disk, directory: string): Promise<Recovered> => {
  for (const name of await disk.list(directory)) {
    if (name.endsWith('.segment.tmp')) await disk.remove(join(directory, name));
  }
  let paths = await segmentPaths(disk, directory);
  if (paths.length === 0) {
    const logId = randomBytes(16).toString('hex');
    const header = encodeSegmentHeader({ logId, base: 0, chain: CHAIN_START });
    await createDurably(disk, join(directory, segmentName(0)), header);
    paths = await segmentPaths(disk, directory);
  }
  // A segment may have got its name just before a crash: what is written to it next must not be lost with the name.
  await disk.syncDirectory(directory);
  const headers: SegmentHeader[] = [];
  for (const path of paths) headers.push(await readHeader(disk, path, headers[0]));
  const sealed = await Promise.all(
    paths.slice(0, -1).map(async (path, number) => {
      return new Segment(disk, path, headers[number]?.base ?? 0, await disk.size(path));
    }),
  );
  const path = paths.at(-1);
  const header = headers.at(-1);
  if (path === undefined || header === undefined) throw new Error('a log has at least one segment');
  const last = await recoverLast(disk, path, header);
  const segments = [...sealed, last.segment];
  if (headers[0]?.base === 0) await forgetHorizon(disk, directory);
  const archives = await justifyHorizon(disk, directory, segments, headers[0] ?? header);
  return { ...last, segments, logId: header.logId, archives };
};

/**
 * Reads and checks the header of a segment.
 * @param before the header of the log's first segment; absent for that one itself
 */
export const readHeader = async (
  disk: Disk,
  path: string,
  before: SegmentHeader | undefined,
): Promise<SegmentHeader> => {
  const bytes = Buffer.alloc(SEGMENT_HEADER_BYTES);
  const length = await withFile(disk, path, 'read', (file) => file.read(bytes, 0));
  const header = decodeSegmentHeader(bytes.subarray(0, length));
  const damage = (what: string) => new LogDamage({ file: path, offset: 0, what });
  if (typeof header === 'string') throw damage(header);
  if (header.version !== FORMAT_VERSION) {
    throw new Rejection(
      'failed-precondition',
      `Opening ${path}: it has format version ${header.version}, this program knows ${FORMAT_VERSION}. Use the program that wrote it, or a newer one.`,
    );
  }
  if (!path.endsWith(segmentName(header.base))) {
    throw damage(`the header says that it begins at position ${header.base}, the name says otherwise`);
  }
  if (before !== undefined && before.logId !== header.logId) throw damage('the segment is of another log');
  return header;
};

const recoverLast = async (disk: Disk, path: string, header: SegmentHeader) => {
  const size = await disk.size(path);
  const found = await withFile(disk, path, 'read', (file) => findEnd(file, path, header, size));
  const { end, torn } = found;
  await writeAgain(disk, path, found.vouched, end);
  // Synced also where nothing was torn: what a crashed process wrote may be in the page cache only.
  await truncateDurably(disk, path, torn ? end : size);
  return {
    segment: new Segment(disk, path, header.base, end, found.index),
    next: found.next,
    chain: found.chain,
    marked: found.marked,
    size: torn ? end : size,
    ...(torn ? { torn: { file: path, offset: end, bytes: size - end } } : {}),
  };
};

/**
 * Writes what no later group vouches for once more, for a sync to take. After a sync that failed, a process that is then
 * killed leaves pages that the kernel holds for clean and that never reached the disk: they read well, until the power goes.
 */
const writeAgain = (disk: Disk, path: string, from: number, to: number): Promise<void> =>
  withFile(disk, path, 'write', async (file) => {
    const bytes = Buffer.allocUnsafe(Math.max(0, to - from));
    const length = await file.read(bytes, from);
    await file.write(bytes.subarray(0, length), from);
  });

/** Reads the last segment from its header to the end of its last whole group. @throws LogDamage */
export const findEnd = async (file: DiskFile, path: string, header: SegmentHeader, size: number) => {
  const index = new SparseIndex();
  let { base: next, chain } = header;
  let end = SEGMENT_HEADER_BYTES;
  let marked = true;
  let vouched = SEGMENT_HEADER_BYTES;
  for await (const chunk of scan(file, SEGMENT_HEADER_BYTES, () => size)) {
    for (const at of chunk.groups) {
      const first = firstOf(chunk.bytes, at);
      if (first !== next) throw outOfOrder(path, chunk.offset + at, next, first);
      index.note(first, chunk.offset + at);
      next += countOf(chunk.bytes, at);
      marked = first === next;
    }
    const lastGroup = chunk.groups.at(-1);
    if (lastGroup !== undefined) {
      chain = chainAfter(chunk.bytes, lastGroup);
      vouched = Math.max(vouched, syncedOf(chunk.bytes, lastGroup));
    }
    end = chunk.end;
    if (chunk.stop === undefined) continue;
    const tail = await judgeTail(file, end, size);
    if (tail === 'damage') throw new LogDamage({ file: path, offset: end, what: chunk.stop });
    return { index, next, chain, end, marked, vouched, torn: tail === 'torn' };
  }
  return { index, next, chain, end, marked, vouched, torn: false };
};
