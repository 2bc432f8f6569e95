import type { Envelope, Recorded } from '../../../domain/envelope.ts';
import { givesName } from '../../../domain/log-query.ts';
import type { Disk } from '../disk.ts';
import { withFile } from '../durable-file.ts';
import { LogDamage } from '../failure.ts';
import { SEGMENT_HEADER_BYTES } from '../format.ts';
import { decodeGroup, placesOf } from '../group.ts';
import { type Chunk, scan } from '../scan.ts';
import { IndexBuilder } from './index-builder.ts';
import type { Binding } from './sidecar-format.ts';

/** A sealed segment to be indexed, or a stretch of one that is being written. */
export interface SidecarJob extends Binding {
  readonly segmentPath: string;
  /** Where the index goes. */
  readonly path: string;
  /** Where in the file the first event's group begins; behind the header when absent. */
  readonly from?: number;
}

/**
 * Reads a segment, or a stretch of it, and writes its index, which appears whole or not at all. Keeps the processor for a second or
 * so: done in a thread of its own.
 * @throws LogDamage; errors of the disk
 */
export const buildSidecar = async (disk: Disk, job: SidecarJob): Promise<void> => {
  const { path } = job;
  // Made before the segment is opened: whoever rewrites the segment removes it, and then the renaming fails.
  await withFile(disk, `${path}.tmp`, 'replace', async (file) => {
    let offset = 0;
    for (const part of (await indexOf(disk, job)).encode(job)) {
      await file.write(part, offset);
      offset += part.length;
    }
  });
  await disk.rename(`${path}.tmp`, path);
};

const indexOf = (disk: Disk, job: SidecarJob): Promise<IndexBuilder> =>
  withFile(disk, job.segmentPath, 'read', async (file) => {
    const builder = new IndexBuilder();
    for await (const chunk of scan(file, job.from ?? SEGMENT_HEADER_BYTES, () => job.segmentBytes)) {
      for (const at of chunk.groups) addGroup(builder, chunk, at);
      if (chunk.stop !== undefined) {
        throw new LogDamage({ file: job.segmentPath, offset: chunk.end, what: chunk.stop });
      }
    }
    return builder;
  });

const addGroup = (builder: IndexBuilder, { bytes, offset }: Chunk, at: number): void => {
  for (const { position, headText, headEnd } of placesOf(bytes, at)) {
    const head = JSON.parse(bytes.toString('utf8', headText, headEnd)) as Envelope;
    // Parsing the data of the rest would double the cost.
    if (!givesName(head.type)) builder.add({ ...head, data: undefined }, offset + at);
    else for (const event of eventAt(bytes, at, position)) builder.add(event, offset + at);
  }
};

const eventAt = (bytes: Buffer, at: number, position: number): readonly Envelope[] => {
  const events: Recorded[] = [];
  decodeGroup(bytes, at, position, position + 1, events);
  return events;
};
