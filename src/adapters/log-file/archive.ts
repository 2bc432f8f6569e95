import { createHash, hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, readFile, rename, stat } from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';
import { z } from 'zod';
import { position } from '../../domain/identity.ts';
import { Rejection } from '../../domain/rejection.ts';
import type { ArchiveReport } from '../../engine/ports/keeping.ts';
import type { Disk } from './disk.ts';
import { withFile } from './durable-file.ts';
import { LogDamage } from './failure.ts';
import { chainHex } from './format.ts';
import type { LogFiles } from './log-files.ts';
import { closedSegments } from './prune.ts';
import { readHeader } from './recover.ts';
import type { Segment } from './segment.ts';
import { compress, hashInside } from './zstd.ts';

/** Copies of closed segments in a folder: each compressed by itself, and a manifest that vouches for them. */

const Hash = z.string().regex(/^[a-f0-9]{64}$/);
const Count = z.number().int().nonnegative();
export const ArchivedSegment = z.object({
  /** Name in the folder. */
  file: z.string().regex(/^\d{20}\.segment\.zst$/),
  /** Position of its first event, and the one after its last. */
  base: Count,
  end: Count,
  /** Of the segment itself. */
  bytes: Count,
  sha256: Hash,
  chainBefore: Hash,
  chainAfter: Hash,
  compressed: z.object({ bytes: Count, sha256: Hash }),
});
export type ArchivedSegment = z.infer<typeof ArchivedSegment>;
export const Manifest = z.object({
  format: z.literal('shiplog-log-archive/1'),
  logId: z.string().regex(/^[a-f0-9]{32}$/),
  segments: z.array(ArchivedSegment),
});
export type Manifest = z.infer<typeof Manifest>;
const MANIFEST = 'manifest.json';

const isMissing = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === 'ENOENT';

/** The manifest of an archive; undefined where there is none. @throws Rejection where it is of no archive of this log */
export const readManifest = async (directory: string, logId: string): Promise<Manifest | undefined> => {
  const path = join(directory, MANIFEST);
  const refuse = (why: string) => new Rejection('failed-precondition', `the archive in ${directory}: ${why}`);
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
  try {
    const manifest = Manifest.parse(JSON.parse(text));
    if (manifest.logId === logId) return manifest;
  } catch (error) {
    if (!(error instanceof SyntaxError || error instanceof z.ZodError)) throw error;
    throw refuse(`${MANIFEST} can't be read; take another folder`);
  }
  throw refuse('it is of another log; take another folder');
};

export const hashOf = async (path: string): Promise<string> => {
  const sum = createHash('sha256');
  for await (const chunk of createReadStream(path)) sum.update(chunk);
  return sum.digest('hex');
};

const READ_BYTES = 1024 * 1024;

const hashOfSegment = (disk: Disk, { path, end }: Segment): Promise<string> =>
  withFile(disk, path, 'read', async (file) => {
    const sum = createHash('sha256');
    const chunk = Buffer.allocUnsafe(Math.min(READ_BYTES, end));
    for (let at = 0; at < end; ) {
      const read = await file.read(chunk.subarray(0, Math.min(chunk.length, end - at)), at);
      if (read === 0) throw new LogDamage({ file: path, offset: at, what: 'the file ends here' });
      sum.update(chunk.subarray(0, read));
      at += read;
    }
    return sum.digest('hex');
  });

export const syncPath = async (path: string): Promise<void> => {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
};

/** Whether an archive holds a file as its manifest says. */
export const isWhole = async (directory: string, entry: ArchivedSegment): Promise<boolean> => {
  try {
    return (await hashOf(join(directory, entry.file))) === entry.compressed.sha256;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
};

/** Copies the closed segments below a position that are not there yet, or have been redacted since. */
export const archiveSegments = async (
  files: LogFiles,
  directory: string,
  before: number,
): Promise<ArchiveReport> => {
  if (!relative(files.directory, directory).startsWith('..')) {
    throw new Rejection(
      'invalid-argument',
      `archive to ${directory}: that is the log itself; take another folder`,
    );
  }
  const made = await mkdir(directory, { recursive: true, mode: 0o700 });
  const known = (await readManifest(directory, files.logId))?.segments ?? [];
  const entries = new Map(known.map((entry) => [entry.base, entry]));
  const written: ArchivedSegment[] = [];
  const due = closedSegments(files.segments).filter(({ until }) => until <= before);
  for (const { segment, until } of due) {
    const kept = entries.get(segment.base);
    const same = kept?.end === until && kept.sha256 === (await hashOfSegment(files.disk, segment));
    if (same && (await isWhole(directory, kept))) continue;
    const entry = await archiveSegment(files, directory, segment, until);
    entries.set(entry.base, entry);
    written.push(entry);
  }
  const segments = [...entries.values()].sort((a, b) => a.base - b.base);
  const manifest = await writeManifest(directory, {
    format: 'shiplog-log-archive/1',
    logId: files.logId,
    segments,
  });
  for (let path = directory; made !== undefined && path !== dirname(made); path = dirname(path)) {
    await syncPath(dirname(path));
  }
  return {
    directory,
    from: position(BigInt(due[0]?.segment.base ?? 0)),
    until: position(BigInt(due.at(-1)?.until ?? 0)),
    segments: written.length,
    bytes: written.reduce((sum, { compressed }) => sum + compressed.bytes, 0),
    manifest,
  };
};

const archiveSegment = async (
  files: LogFiles,
  directory: string,
  segment: Segment,
  until: number,
): Promise<ArchivedSegment> => {
  const file = `${basename(segment.path)}.zst`;
  const temporary = join(directory, `${file}.tmp`);
  const following = files.segments.find(({ base }) => base === until);
  if (following === undefined) throw new Rejection('internal', `no segment of the log begins at ${until}`);
  const [header, next] = [
    await readHeader(files.disk, segment.path, undefined),
    await readHeader(files.disk, following.path, undefined),
  ];
  const sha256 = await hashOfSegment(files.disk, segment);
  await compress(segment.path, temporary);
  await syncPath(temporary);
  const inside = await hashInside(temporary);
  if (inside.sha256 !== sha256) {
    const what = `the copy of ${segment.path} in ${directory} is not what was read`;
    throw new Rejection('data-loss', `archiving the log: ${what}; check that disk, and try again`);
  }
  const compressed = { bytes: (await stat(temporary)).size, sha256: await hashOf(temporary) };
  await rename(temporary, join(directory, file));
  const chains = { chainBefore: chainHex(header.chain), chainAfter: chainHex(next.chain) };
  return { file, base: segment.base, end: until, bytes: inside.bytes, sha256, ...chains, compressed };
};

/** Durable when it resolves, with all names in the folder. @returns SHA-256 of its bytes, hexadecimal */
const writeManifest = async (directory: string, manifest: Manifest): Promise<string> => {
  const bytes = Buffer.from(`${JSON.stringify(manifest, null, 2)}\n`);
  const temporary = join(directory, `${MANIFEST}.tmp`);
  const handle = await open(temporary, 'w', 0o600);
  try {
    await handle.writeFile(bytes);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(temporary, join(directory, MANIFEST));
  await syncPath(directory);
  return hash('sha256', bytes, 'hex');
};

/** The first position below a horizon whose segment, as it is now, is in none of these archives. */
export const firstUnarchived = async (
  files: LogFiles,
  horizon: number,
  directories: readonly string[],
): Promise<number | undefined> => {
  const archives = await Promise.all(
    directories.map(async (directory) => ({
      directory,
      segments: (await readManifest(directory, files.logId))?.segments ?? [],
    })),
  );
  for (const { segment, until } of closedSegments(files.segments)) {
    if (until > horizon) return undefined;
    const sha256 = await hashOfSegment(files.disk, segment);
    let found = false;
    for (const { directory, segments } of archives) {
      const entry = segments.find((one) => one.base === segment.base && one.sha256 === sha256);
      found ||= entry !== undefined && (await isWhole(directory, entry));
    }
    if (!found) return segment.base;
  }
  return undefined;
};
