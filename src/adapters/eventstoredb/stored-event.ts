import type { ReadResp } from '@eventstore/db-client/generated/streams_pb.js';
import { z } from 'zod';
import type { Recorded } from '../../domain/envelope.ts';
import { Timestamp } from '../../domain/identity.ts';
import { Rejection } from '../../domain/rejection.ts';
import { recordedOf } from './event-texts.ts';

/** An event as the server gives it back. */
export interface StoredEvent {
  /** Its UUID, lower case. */
  readonly id: string;
  readonly event: Recorded;
  /** When the server took it, by its own clock. Microseconds since the Unix epoch. */
  readonly storedAt: Timestamp;
  /** Data and metadata. */
  readonly bytes: number;
}

const decimal = z.string().regex(/^\d+$/);
/** `created` counts 100 ns since the Unix epoch. */
const TICKS_PER_MICROSECOND = 10n;

const Fields = z.object({
  id: z.uuid(),
  revision: decimal,
  type: z.string().min(1),
  created: decimal,
  contentType: z.literal('application/json'),
});

type WireEvent = ReadResp.ReadEvent.RecordedEvent;

/** @throws Rejection `data-loss` when it is no event of ours */
export const storedEventOf = (wire: WireEvent, stream: string): StoredEvent => {
  const map = wire.getMetadataMap();
  const found = Fields.safeParse({
    id: wire.getId()?.getString(),
    revision: wire.getStreamRevision(),
    type: map.get('type'),
    created: map.get('created'),
    contentType: map.get('content-type'),
  });
  if (!found.success) {
    throw new Rejection(
      'data-loss',
      `Reading event ${wire.getStreamRevision()} of the stream ${stream}: ${z.prettifyError(found.error)}. ` +
        'Somebody else writes to this stream; give the host a stream of its own.',
    );
  }
  const { id, revision, type, created } = found.data;
  const data = Buffer.from(wire.getData_asU8());
  const metadata = Buffer.from(wire.getCustomMetadata_asU8());
  const texts = { type, data: data.toString(), metadata: metadata.toString() };
  return {
    id: id.toLowerCase(),
    event: recordedOf(texts, stream, BigInt(revision)),
    storedAt: Timestamp.parse(Number(BigInt(created) / TICKS_PER_MICROSECOND)),
    bytes: data.length + metadata.length,
  };
};
