import type { Disk } from '../disk.ts';
import { withFile } from '../durable-file.ts';
import { GROUP_HEADER_BYTES, GROUP_MAGIC } from '../format.ts';
import { chainBefore, firstOf } from '../group.ts';
import type { Segment } from '../segment.ts';
import type { SidecarJob } from './build-sidecar.ts';
import { removeIfThere, type StretchFile, stretchFilesIn, stretchPath } from './sidecar-file.ts';
import { decodeSidecarHeader, SIDECAR_HEADER_BYTES, type SidecarHeader } from './sidecar-format.ts';

/**
 * Indexes of stretches of the segment that is being written, `<first position>.stretch`: what is behind the last one is
 * searched. They are sidecars, bound to the chain hash at their end in place of the log's id: the file still grows, and what
 * was put back from an older copy and written on has another chain.
 */

/** An index of part of the segment that is being written. */
export interface Stretch {
  readonly path: string;
  readonly header: SidecarHeader;
}

/** Bytes of a chain hash that a stretch is bound to; as many as a log's id has. */
const BOUND_BYTES = 16;

/** What a stretch that ends at an offset is bound to. @returns undefined where no group with that position begins there */
const chainAt = (segment: Segment, offset: number, position: number): Promise<string | undefined> =>
  withFile(segment.disk, segment.path, 'read', async (file) => {
    const bytes = Buffer.alloc(GROUP_HEADER_BYTES);
    const length = offset < segment.end ? await file.read(bytes, offset) : 0;
    if (length < bytes.length || bytes.readUInt32LE(0) !== GROUP_MAGIC) return undefined;
    if (firstOf(bytes, 0) !== position) return undefined;
    return Buffer.from(chainBefore(bytes, 0), 'latin1').toString('hex', 0, BOUND_BYTES);
  });

const readHeader = (disk: Disk, path: string): Promise<SidecarHeader | undefined> =>
  withFile(disk, path, 'read', async (file) => {
    const bytes = Buffer.alloc(SIDECAR_HEADER_BYTES);
    return decodeSidecarHeader(bytes.subarray(0, await file.read(bytes, 0)));
  });

/** The position after the last event of a stretch. */
export const endOf = ({ header }: Stretch): number => header.base + header.events;

const stretchOf = async (segment: Segment, { path, first }: StretchFile): Promise<Stretch | undefined> => {
  const header = await readHeader(segment.disk, path);
  if (header?.base !== first) return undefined;
  const stretch = { path, header };
  const chain = await chainAt(segment, header.segmentBytes, endOf(stretch));
  return chain === header.logId ? stretch : undefined;
};

/** The stretches of a segment, from its beginning without a gap; files that are of no use any more are removed. */
export const readStretches = async (directory: string, segment: Segment): Promise<readonly Stretch[]> => {
  const stretches: Stretch[] = [];
  for (const file of await stretchFilesIn(segment.disk, directory)) {
    const last = stretches.at(-1);
    const due = last === undefined ? segment.base : endOf(last);
    const stretch = file.first === due ? await stretchOf(segment, file) : undefined;
    if (stretch === undefined) await removeIfThere(segment.disk, file.path);
    else stretches.push(stretch);
  }
  return stretches;
};

/** How much may be behind the last stretch until another is made. Each is an index more to ask. */
export const STRETCH_BYTES = 8 * 1024 * 1024;

/** @returns undefined where there is not enough for another stretch yet */
export const nextStretch = async (
  directory: string,
  segment: Segment,
  stretches: readonly Stretch[],
  bytes: number,
): Promise<SidecarJob | undefined> => {
  const last = stretches.at(-1);
  const from = last?.header.segmentBytes ?? 0;
  if (segment.end - from < bytes) return undefined;
  const index = await segment.index();
  const block = index.starts.length - 1;
  const [end, next] = [index.starts[block] ?? 0, index.positionOf(block)];
  if (end <= from) return undefined;
  const chain = await chainAt(segment, end, next);
  if (chain === undefined) return undefined;
  const base = last === undefined ? segment.base : endOf(last);
  return {
    segmentPath: segment.path,
    path: stretchPath(directory, base),
    logId: chain,
    base,
    segmentBytes: end,
    ...(last === undefined ? {} : { from }),
  };
};
