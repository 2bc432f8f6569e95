import { rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Position, position } from '../../domain/identity.ts';
import { Rejection } from '../../domain/rejection.ts';
import type { BroughtBack } from '../../engine/ports/keeping.ts';
import { type ArchivedSegment, hashOf, isWhole, readManifest, syncPath } from './archive.ts';
import { withFile } from './durable-file.ts';
import { CHAIN_START, chainHex, decodeSegmentHeader, SEGMENT_HEADER_BYTES, segmentName } from './format.ts';
import { forgetHorizon } from './horizon.ts';
import type { LogFiles } from './log-files.ts';
import { readHeader } from './recover.ts';
import { Segment } from './segment.ts';
import { checkSegment } from './segment-check.ts';
import { uncompress } from './zstd.ts';

/** Puts archived files back before a log that was pruned. */

/** An archived file, and the folder that has it. */
interface Found extends ArchivedSegment {
  readonly directory: string;
}

const refusal = (directories: readonly string[], why: string): Rejection =>
  new Rejection('failed-precondition', `restore from ${directories.join(', ')}: ${why}`);

/** The files down to position 0, newest first, as the chain at the horizon asks for them. */
const filesBelow = async (files: LogFiles, directories: readonly string[]): Promise<readonly Found[]> => {
  const known: Found[] = [];
  for (const directory of directories) {
    const manifest = await readManifest(directory, files.logId);
    if (manifest === undefined) throw refusal(directories, `there is no archive in ${directory}`);
    known.push(...manifest.segments.map((entry) => ({ ...entry, directory })));
  }
  const [first] = files.segments;
  if (first === undefined) throw new Rejection('internal', 'a log has at least one file');
  const header = await readHeader(files.disk, first.path, undefined);
  let [end, chain] = [header.base, chainHex(header.chain)];
  const found: Found[] = [];
  while (end > 0) {
    const one = await firstWhole(known.filter((entry) => entry.end === end && entry.chainAfter === chain));
    if (one === undefined) {
      const why = `no file there is whole and ends before position ${end} as the log's chain wants it; name the folder that has it, too`;
      throw refusal(directories, why);
    }
    found.push(one);
    [end, chain] = [one.base, one.chainBefore];
  }
  if (chain !== chainHex(CHAIN_START))
    throw refusal(directories, "the first file's chain does not begin a log");
  return found;
};

const firstWhole = async (entries: readonly Found[]): Promise<Found | undefined> => {
  for (const entry of entries) if (await isWhole(entry.directory, entry)) return entry;
  return undefined;
};

/** Uncompresses a file under a name that a start removes, and checks everything about it. */
const unpacked = async (
  files: LogFiles,
  entry: Found,
  redacted: ReadonlyMap<Position, string>,
): Promise<string> => {
  const { disk, directory, logId } = files;
  const archived = join(entry.directory, entry.file);
  const temporary = join(directory, `${segmentName(entry.base)}.tmp`);
  const broken = (what: string) =>
    new Rejection('data-loss', `restoring the log: what is in ${archived} ${what}; take another copy of it`);
  await uncompress(archived, temporary);
  await syncPath(temporary);
  if ((await hashOf(temporary)) !== entry.sha256) throw broken('is not what its manifest says');
  const bytes = Buffer.alloc(SEGMENT_HEADER_BYTES);
  await withFile(disk, temporary, 'read', (file) => file.read(bytes, 0));
  const header = decodeSegmentHeader(bytes);
  if (typeof header === 'string') throw broken(`is no file of a log: ${header}`);
  if (header.logId !== logId || header.base !== entry.base || chainHex(header.chain) !== entry.chainBefore) {
    throw broken('is another file than its manifest says');
  }
  const job = { path: temporary, size: entry.bytes, header, last: false, leaves: false };
  const found = await checkSegment(disk, job, () => undefined);
  if (found.damage !== undefined)
    throw broken(`is damaged at byte ${found.damage.offset}: ${found.damage.what}`);
  if (found.next !== entry.end || chainHex(found.chain) !== entry.chainAfter) throw broken('ends elsewhere');
  refuseUnredacted(entry, found.deviations, redacted);
  return temporary;
};

/** What was redacted must not come back; what no redaction tells of is damage. */
const refuseUnredacted = (
  { base, end, directory, file }: Found,
  deviations: readonly { readonly position: number; readonly hash: string }[],
  redacted: ReadonlyMap<Position, string>,
): void => {
  const found = new Map(deviations.map(({ position: at, hash }) => [at, hash]));
  for (const [at, hash] of redacted) {
    const place = Number(at);
    if (place < base || place >= end || found.get(place) === hash) continue;
    const why = `${file} has event ${at} as it was before it was redacted; take a later archive`;
    throw refusal([directory], why);
  }
  for (const at of found.keys()) {
    if (redacted.has(position(BigInt(at)))) continue;
    throw new Rejection('data-loss', `restoring the log: ${directory}/${file}: event ${at} was changed`);
  }
};

/** Files come back newest first, so that after a crash what is there has no hole. */
export const bringBack = async (
  files: LogFiles,
  directories: readonly string[],
  redacted: ReadonlyMap<Position, string>,
): Promise<BroughtBack> => {
  const { disk, directory } = files;
  const due = await filesBelow(files, directories);
  /** Oldest first. */
  const back: Segment[] = [];
  const discard = async (): Promise<void> => {
    for (const { path } of back.splice(0)) await disk.remove(path);
    await disk.syncDirectory(directory);
  };
  try {
    for (const entry of due) {
      const path = join(directory, segmentName(entry.base));
      await disk.rename(await unpacked(files, entry, redacted), path);
      back.unshift(new Segment(disk, path, entry.base, (await stat(path)).size));
      await disk.syncDirectory(directory);
    }
  } catch (error) {
    for (const { base } of due) await rm(join(directory, `${segmentName(base)}.tmp`), { force: true });
    await discard();
    throw error;
  }
  return {
    segments: due.length,
    bytes: due.reduce((sum, { bytes }) => sum + bytes, 0),
    adopt: async () => {
      files.takeBack(back);
      await forgetHorizon(disk, directory);
    },
    discard,
  };
};
