import type { Actor, Envelope, Metadata, Moment } from '../../domain/envelope.ts';
import { Rejection } from '../../domain/rejection.ts';
import { dataText } from '../../engine/ports/data-text.ts';
import { LogLimits } from '../../engine/ports/log.ts';
import { align, GROUP_HEADER_BYTES, HEAD_FIXED_BYTES, SALT_BYTES } from './format.ts';

/** Events as they will lie in the file, measured, before anything of their batch is kept. */

export interface EventText {
  readonly head: string;
  readonly headBytes: number;
  readonly data: string;
  readonly dataBytes: number;
}

/** A batch as text. */
export interface Batch {
  readonly texts: readonly EventText[];
  /** Bytes of a group that holds nothing else. */
  readonly groupBytes: number;
}

/** @throws Rejection `invalid-argument` when the batch is over a limit or isn't JSON */
export const batchOf = (events: readonly Envelope[]): Batch => {
  if (events.length < 1 || events.length > LogLimits.batchEvents) {
    throw new Rejection(
      'invalid-argument',
      `Appending a batch of ${events.length} events: a batch has 1 to ${LogLimits.batchEvents}. Split it.`,
    );
  }
  const texts = events.map(textOf);
  let bytes = GROUP_HEADER_BYTES;
  for (const text of texts) bytes += HEAD_FIXED_BYTES + text.headBytes + SALT_BYTES + text.dataBytes;
  const groupBytes = align(bytes);
  if (groupBytes > LogLimits.batchBytes) {
    throw new Rejection(
      'invalid-argument',
      `Appending a batch of ${groupBytes} bytes: a batch has at most ${LogLimits.batchBytes}. Split it.`,
    );
  }
  return { texts, groupBytes };
};

const textOf = (event: Envelope): EventText => {
  const head = headText(event);
  const data = dataText(event);
  const headBytes = Buffer.byteLength(head);
  const dataBytes = Buffer.byteLength(data);
  if (headBytes + dataBytes > LogLimits.eventBytes) {
    throw new Rejection(
      'invalid-argument',
      `Appending ${event.type} of ${headBytes + dataBytes} bytes: an event has at most ${LogLimits.eventBytes}.`,
    );
  }
  return { head, headBytes, data, dataBytes };
};

/**
 * The JSON of `type`, `version`, `subject` and `meta`. Written field by field, since its shape is fixed: JSON.stringify
 * takes twice as long, and this is the dearest step of an append.
 */
const headText = ({ type, version, subject, meta }: Envelope): string =>
  `{"type":${quoted(type)},"version":${plain(version)},"subject":${quoted(subject)},"meta":${metaText(meta)}}`;

/** Events that were decided together share it. */
let lastMeta: { readonly meta: Metadata; readonly text: string } | undefined;
const metaText = (meta: Metadata): string => {
  if (lastMeta?.meta === meta) return lastMeta.text;
  const { actor, time, correlation, causation, reason } = metaTexts(meta);
  const text = `{"actor":${actor},"time":${time},"correlation":${correlation}${causation}${reason}}`;
  lastMeta = { meta, text };
  return text;
};

/** A field that is forgotten in one of these does not compile. */
type Texts<T> = { readonly [Field in keyof Required<T>]: string };

const metaTexts = (meta: Metadata): Texts<Metadata> => ({
  actor: actorText(meta.actor),
  time: momentText(meta.time),
  correlation: quoted(meta.correlation),
  causation: meta.causation === undefined ? '' : `,"causation":${quoted(meta.causation)}`,
  reason: meta.reason === undefined ? '' : `,"reason":${quoted(meta.reason)}`,
});

const momentText = (moment: Moment): string => {
  const texts: Texts<Moment> = {
    wall: plain(moment.wall),
    mono: plain(moment.mono),
    boot: quoted(moment.boot),
  };
  return `{"wall":${texts.wall},"mono":${texts.mono},"boot":${texts.boot}}`;
};

/** A connection has one actor for all that it asks. */
const actorTexts = new WeakMap<Actor, string>();
const actorText = (actor: Actor): string => {
  const known = actorTexts.get(actor);
  if (known !== undefined) return known;
  const text = JSON.stringify(actor);
  actorTexts.set(actor, text);
  return text;
};

/** Printable ASCII, which JSON writes as it is. */
const AS_IT_IS = /^[ !#-[\]-~]*$/;
const quoted = (text: string): string => (AS_IT_IS.test(text) ? `"${text}"` : JSON.stringify(text));

const plain = (value: number): string => {
  if (Number.isFinite(value)) return `${value}`;
  throw new Rejection(
    'invalid-argument',
    `Appending an event with the number ${value}: JSON has no such number.`,
  );
};
