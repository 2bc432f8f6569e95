import { z } from 'zod';
import { type Envelope, Metadata, type Recorded, Subject } from '../../domain/envelope.ts';
import { position } from '../../domain/identity.ts';
import { Rejection } from '../../domain/rejection.ts';
import { dataText } from '../../engine/ports/data-text.ts';
import { LogLimits } from '../../engine/ports/log.ts';
import { eventIdOf } from './event-id.ts';

/**
 * How an event lies in a stream: its type is the server's event type, its data is the data (JSON), and the metadata is
 * JSON of what else an envelope holds.
 */
export interface EventTexts {
  readonly type: string;
  /** JSON. */
  readonly data: string;
  /** JSON of {@link StoredMetadata}. */
  readonly metadata: string;
}

/** An event on its way to the server. */
export interface Proposal extends EventTexts {
  readonly id: string;
  readonly position: bigint;
  /** As the server counts them: data, metadata, and the type in UTF-16. */
  readonly bytes: number;
}

const StoredMetadata = z.object({ version: z.number().int(), subject: Subject, meta: Metadata });

/**
 * @param first position of the first event
 * @throws Rejection `invalid-argument` when the batch is over a limit of the port, or isn't JSON
 */
export const proposalsOf = (stream: string, events: readonly Envelope[], first: bigint): Proposal[] => {
  if (events.length < 1 || events.length > LogLimits.batchEvents) {
    throw new Rejection(
      'invalid-argument',
      `Appending a batch of ${events.length} events: a batch has 1 to ${LogLimits.batchEvents}. Split it.`,
    );
  }
  const proposals = events.map((event, index) => proposalOf(stream, event, first + BigInt(index)));
  const bytes = bytesOf(proposals);
  if (bytes > LogLimits.batchBytes) {
    throw new Rejection(
      'invalid-argument',
      `Appending a batch of ${bytes} bytes: a batch has at most ${LogLimits.batchBytes}. Split it.`,
    );
  }
  return proposals;
};

export const bytesOf = (proposals: readonly Proposal[]): number =>
  proposals.reduce((sum, { bytes }) => sum + bytes, 0);

const proposalOf = (stream: string, event: Envelope, position: bigint): Proposal => {
  const { type, version, subject, meta } = event;
  if (type === '' || type.startsWith('$')) {
    throw new Rejection(
      'invalid-argument',
      `Appending an event of type "${type}": KurrentDB keeps names that begin with $ to itself.`,
    );
  }
  const data = dataText(event);
  const metadata = JSON.stringify({ version, subject, meta });
  const bytes = Buffer.byteLength(data) + Buffer.byteLength(metadata) + 2 * type.length;
  if (bytes > LogLimits.eventBytes) {
    throw new Rejection(
      'invalid-argument',
      `Appending ${type} of ${bytes} bytes: an event has at most ${LogLimits.eventBytes}.`,
    );
  }
  return {
    id: eventIdOf({ stream, position, type, metadata, data }),
    position,
    type,
    data,
    metadata,
    bytes,
  };
};

/** @throws Rejection `data-loss` when the texts are not of an event of ours */
export const recordedOf = (texts: EventTexts, stream: string, at: bigint): Recorded => {
  try {
    const { version, subject, meta } = StoredMetadata.parse(JSON.parse(texts.metadata));
    const data: unknown = JSON.parse(texts.data);
    return { type: texts.type, version, subject, data, meta, position: position(at) };
  } catch (error) {
    const words = error instanceof z.ZodError ? z.prettifyError(error) : String(error);
    throw new Rejection(
      'data-loss',
      `Reading event ${at} of the stream ${stream}: it is no event of Shiplog (${words}). ` +
        'Somebody else writes to this stream; give the host a stream of its own.',
      { cause: error },
    );
  }
};
