import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import type { Envelope, Recorded } from '../../domain/envelope.ts';
import { type Position, position } from '../../domain/identity.ts';
import type { Log } from '../../engine/ports/log.ts';
import { readOnlyLog } from '../../engine/ports/read-only-log.ts';
import { type Manifest, recordsIn, type SliceRecord } from '../../slice/format.ts';
import { decodeRecord, SALT_BYTES } from '../../tlog/event-record.ts';

/** An event of a slice that was checked. */
const eventOf = ({ entry, payload, standIn }: SliceRecord): Recorded => {
  const record = decodeRecord(entry);
  const { type, version, subject, meta } = JSON.parse(record.head) as Envelope;
  const at = position(BigInt(record.position));
  if (standIn) {
    const stands = JSON.parse(Buffer.from(payload).toString()) as Pick<Envelope, 'version' | 'data'>;
    return { type, version: stands.version, subject, data: stands.data, meta, position: at };
  }
  const data: unknown = JSON.parse(Buffer.from(payload.subarray(SALT_BYTES)).toString());
  return { type, version, subject, data, meta, position: at };
};

interface Part {
  readonly path: string;
  /** Position of its first event. */
  readonly first: number;
}

/**
 * The events of a slice as a log that begins where the slice does.
 * @param paths of its parts with events, in order, as they were checked
 */
export const sliceLog = (manifest: Manifest, paths: readonly string[]): Log => {
  const horizon = position(BigInt(manifest.from));
  const durable = position(BigInt(manifest.to));
  const parts: readonly Part[] = paths.map((path) => ({ path, first: Number(basename(path)) }));

  async function* batches(
    from: Position,
    to: Position,
    backward: boolean,
  ): AsyncGenerator<readonly Recorded[]> {
    const wanted = parts.filter(
      ({ first }, number) => first < to && (parts[number + 1]?.first ?? manifest.to) > from,
    );
    for (const { path } of backward ? wanted.toReversed() : wanted) {
      const events = [...recordsIn(await readFile(path))].map(eventOf);
      const some = events.filter((event) => event.position >= from && event.position < to);
      if (some.length > 0) yield backward ? some.reverse() : some;
    }
  }

  return readOnlyLog({
    horizon,
    durable,
    batches,
    refusal: 'a slice of a log never changes: nothing can be added to it or awaited',
    below: (from) => `Reading from position ${from}: the slice begins at ${horizon}. Ask for a longer one.`,
  });
};
