import type { Actor, Envelope, Metadata, Moment } from '../../domain/envelope.ts';

/**
 * Heads of events back from their text. Their shape is fixed (event-text.ts writes it field by field) and much is the
 * same from one to the next, so finding the parts that differ takes a third of what JSON.parse takes, the dearest step of
 * a replay. A text of any other shape is left to JSON.parse: one with escapes, or with a reason.
 */

type Head = Omit<Envelope, 'data'>;

/** Values by the text that they are read from. One object stands for all that are the same: events are never changed. */
class Interned<T> {
  readonly #most: number;
  readonly #read: (text: string) => T;
  readonly #known = new Map<string, T>();

  /** @param most how many are kept; over it, it begins anew */
  constructor(most: number, read: (text: string) => T) {
    this.#most = most;
    this.#read = read;
  }

  of(text: string): T {
    const known = this.#known.get(text);
    if (known !== undefined) return known;
    const value = this.#read(text);
    if (this.#known.size >= this.#most) this.#known.clear();
    this.#known.set(text, value);
    return value;
  }
}

const kinds = new Interned(512, (text) => {
  const { type, version } = JSON.parse(`${text}}`) as Head;
  // A text that is the name of a property is compared by its address from then on.
  const [named = type] = Object.keys({ [type]: version });
  return { type: named, version };
});
const actors = new Interned(1024, (text) => JSON.parse(text) as Actor);
const boots = new Interned(64, (text) => JSON.parse(text) as string);

const SUBJECT = ',"subject":"';
const META = '","meta":{"actor":';
const TIME = '},"time":{"wall":';
const MONO = ',"mono":';
const BOOT = ',"boot":';
const CORRELATION = '},"correlation":"';
const CAUSATION = '","causation":"';

const ZERO = 48;
/** A whole number of a digit or more, none of them a leading zero, that a double holds; else undefined. */
const wholeNumber = (text: string, from: number, to: number): number | undefined => {
  const digits = to - from;
  if (digits < 1 || digits > 16 || (digits > 1 && text.charCodeAt(from) === ZERO)) return undefined;
  let value = 0;
  for (let at = from; at < to; at += 1) {
    const digit = text.charCodeAt(at) - ZERO;
    if (digit < 0 || digit > 9) return undefined;
    value = value * 10 + digit;
  }
  return Number.isSafeInteger(value) ? value : undefined;
};

/** @param at where the wall clock's number begins @param end where the braces of the time close */
const momentIn = (text: string, at: number, end: number): Moment | undefined => {
  const wallEnd = text.indexOf(MONO, at);
  const monoEnd = text.indexOf(BOOT, at);
  if (wallEnd < 0 || monoEnd < 0 || monoEnd > end) return undefined;
  const wall = wholeNumber(text, at, wallEnd);
  const mono = wholeNumber(text, wallEnd + MONO.length, monoEnd);
  if (wall === undefined || mono === undefined) return undefined;
  return { wall: wall as Moment['wall'], mono, boot: boots.of(text.slice(monoEnd + BOOT.length, end)) };
};

/** @param at just after the name of the actor */
const metaIn = (text: string, at: number): Metadata | undefined => {
  const actorEnd = text.indexOf(TIME, at) + 1;
  const timeEnd = text.indexOf(CORRELATION, actorEnd);
  if (actorEnd < 1 || timeEnd < 0) return undefined;
  const time = momentIn(text, actorEnd - 1 + TIME.length, timeEnd);
  if (time === undefined) return undefined;
  const actor = actors.of(text.slice(at, actorEnd));
  const correlationAt = timeEnd + CORRELATION.length;
  const correlationEnd = text.indexOf('"', correlationAt);
  const correlation = text.slice(correlationAt, correlationEnd);
  const end = text.length - '"}}'.length;
  if (correlationEnd === end) return { actor, time, correlation };
  const causationAt = correlationEnd + CAUSATION.length;
  if (!text.startsWith(CAUSATION, correlationEnd) || text.indexOf('"', causationAt) !== end) return undefined;
  return { actor, time, correlation, causation: text.slice(causationAt, end) };
};

const usualHead = (text: string): Head | undefined => {
  // Without escapes every quotation mark begins or ends a text, so none of the marks above can be within one.
  if (text.includes('\\') || !text.endsWith('"}}')) return undefined;
  const kindEnd = text.indexOf(SUBJECT);
  const subjectAt = kindEnd + SUBJECT.length;
  const subjectEnd = text.indexOf('"', subjectAt);
  if (kindEnd < 0 || !text.startsWith(META, subjectEnd)) return undefined;
  const meta = metaIn(text, subjectEnd + META.length);
  if (meta === undefined) return undefined;
  const { type, version } = kinds.of(text.slice(0, kindEnd));
  return { type, version, subject: text.slice(subjectAt, subjectEnd) as Head['subject'], meta };
};

/** The head of an event whose checksum held. The shape is what this program wrote; `verifyLog` is where it is checked. */
export const headOf = (text: string): Head => usualHead(text) ?? (JSON.parse(text) as Head);
