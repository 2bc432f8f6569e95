import { hash, randomBytes } from 'node:crypto';
import { dirname } from 'node:path';
import { crc32c } from '@node-rs/crc32';
import { Rejection } from '../../domain/rejection.ts';
import type { Replacement } from '../../engine/ports/keeping.ts';
import type { DiskFile } from './disk.ts';
import { withFile } from './durable-file.ts';
import { LogDamage } from './failure.ts';
import { groupField, SALT_BYTES, SEGMENT_HEADER_BYTES } from './format.ts';
import { countOf, type EventPlace, firstOf, placesOf } from './group.ts';
import type { LogFiles } from './log-files.ts';
import { scan } from './scan.ts';
import type { Segment } from './segment.ts';

/**
 * Puts other data in place of an event's own. Head, sizes and places stay, so the chain, the tree over the heads and all
 * indexes of places stay right; the group's checksum is renewed.
 */

/** A group of a segment, and one event in it. */
interface Found {
  /** Of the group, in the file. */
  readonly offset: number;
  readonly group: Buffer;
  readonly place: EventPlace;
}

const find = async (segment: Segment, at: number): Promise<Found> => {
  const index = await segment.index();
  const start = index.starts[index.blockOf(at)] ?? SEGMENT_HEADER_BYTES;
  return withFile(segment.disk, segment.path, 'read', async (file) => {
    for await (const { bytes, offset, groups, end, stop } of scan(file, start, () => segment.end)) {
      for (const from of groups) {
        const first = firstOf(bytes, from);
        if (at < first || at >= first + countOf(bytes, from)) continue;
        const group = Buffer.from(bytes.subarray(from, from + bytes.readUInt32LE(from + groupField.length)));
        const place = placesOf(group, 0)[at - first];
        if (place !== undefined) return { offset: offset + from, group, place };
      }
      if (stop !== undefined) throw new LogDamage({ file: segment.path, offset: end, what: stop });
    }
    throw new LogDamage({
      file: segment.path,
      offset: segment.end,
      what: `event ${at} is not in this segment`,
    });
  });
};

/** Salt and JSON, with spaces up to the size that the head tells. */
const dataOf = ({ place }: Found, salt: string, data: unknown): Buffer => {
  const text = Buffer.from(JSON.stringify(data));
  const room = place.dataEnd - place.dataAt - SALT_BYTES;
  if (text.length > room) {
    throw new Rejection(
      'invalid-argument',
      `Replacing the data of event ${place.position}: ${text.length} bytes are more than the ${room} that are there.`,
    );
  }
  return Buffer.concat([Buffer.from(salt, 'hex'), text, Buffer.alloc(room - text.length, ' ')]);
};

/** Fixes what will stand there. */
export const prepareReplacement = async (
  segment: Segment,
  at: number,
  data: unknown,
): Promise<Replacement> => {
  const salt = randomBytes(SALT_BYTES).toString('hex');
  const bytes = dataOf(await find(segment, at), salt, data);
  return { salt, replacement: hash('sha256', bytes, 'hex') };
};

/**
 * Writes a copy of a closed segment with other data in it, and puts it in its place. Whoever reads the old file goes on.
 * @returns whether anything changed
 */
export const replaceData = async (
  files: Pick<LogFiles, 'discardIndex'>,
  segment: Segment,
  at: number,
  data: unknown,
  { salt, replacement }: Replacement,
): Promise<boolean> => {
  const found = await find(segment, at);
  const { group, place } = found;
  const bytes = dataOf(found, salt, data);
  if (hash('sha256', bytes, 'hex') !== replacement) {
    throw new Rejection('internal', `Replacing the data of event ${at}: it is not what the log recorded.`);
  }
  if (group.subarray(place.dataAt, place.dataEnd).equals(bytes)) return false;
  bytes.copy(group, place.dataAt);
  group.writeUInt32LE(crc32c(group.subarray(groupField.length)), groupField.crc);
  await files.discardIndex(segment.path);
  await rewrite(segment, found);
  // One of the old bytes may have been begun meanwhile.
  await files.discardIndex(segment.path);
  return true;
};

const COPY_BYTES = 1024 * 1024;

const rewrite = async ({ disk, path, end }: Segment, { offset, group }: Found): Promise<void> => {
  const temporary = `${path}.tmp`;
  await withFile(disk, path, 'read', (from) =>
    withFile(disk, temporary, 'replace', async (to) => {
      await copy(from, to, end);
      await to.write(group, offset);
      await to.sync();
    }),
  );
  await disk.rename(temporary, path);
  await disk.syncDirectory(dirname(path));
};

const copy = async (from: DiskFile, to: DiskFile, length: number): Promise<void> => {
  const chunk = Buffer.allocUnsafe(Math.min(COPY_BYTES, length));
  for (let at = 0; at < length; ) {
    const read = await from.read(chunk.subarray(0, Math.min(chunk.length, length - at)), at);
    if (read === 0) throw new Rejection('data-loss', `copying a segment: it ends at byte ${at} of ${length}`);
    await to.write(chunk.subarray(0, read), at);
    at += read;
  }
};
