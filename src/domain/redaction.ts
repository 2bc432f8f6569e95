import type { Envelope } from './envelope.ts';
import { Rejection } from './rejection.ts';
import { upcast } from './upcast.ts';
import { type DomainEvent, definitionOf, subjectOf } from './world.ts';

/**
 * Taking texts out of an event's payload. What is left has the same shape, is about the same thing, and is never longer,
 * since the head of the event vouches for its size.
 */

/** What may stand for a text, longest first: the longest that fits is taken. The last fits everywhere. */
const markers = ['[redacted]', '[x]', 'x', ''];

/** Fields that tell things apart, or that checks and references rest on. */
const identifying = new Set([
  'namespace',
  'id',
  'key',
  'name',
  'ref',
  'digest',
  'hostId',
  'execId',
  'parent',
  'snapshotter',
  'snapshotKey',
  'container',
  'secretEnv',
  'chainId',
  'diffId',
  'mediaType',
  'position',
  'publicKey',
  'keyId',
]);
/** Labels that references are made of. */
const systemLabel = 'containerd.io/';

/** The steps of a JSON pointer (RFC 6901), or of a dotted path. */
export const stepsOf = (field: string): readonly string[] =>
  field.startsWith('/')
    ? field
        .slice(1)
        .split('/')
        .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'))
    : field.split('.');

const pointerOf = (steps: readonly string[]): string =>
  steps.map((step) => `/${step.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');

export interface RedactedData {
  readonly data: unknown;
  /** The fields as JSON pointers. */
  readonly fields: readonly string[];
}

/**
 * The data of an event without the texts at some fields; a field that is an object or a list loses all texts inside.
 * Doing it twice gives the same as doing it once.
 * @returns or a refusal: no such field, no text there, a text that identifies things, or data that its schema refuses then
 */
export const redactData = (
  event: Pick<Envelope, 'type' | 'version' | 'subject' | 'data'>,
  fields: readonly string[],
): RedactedData | Rejection => {
  const pointers: string[] = [];
  let { data } = event;
  for (const field of fields) {
    const steps = stepsOf(field);
    const next = without(data, steps, []);
    if (next instanceof Rejection) return next;
    data = next;
    pointers.push(pointerOf(steps));
  }
  return wrongWith(event, data) ?? { data, fields: pointers };
};

const refused = (at: readonly string[], why: string): Rejection =>
  new Rejection('invalid-argument', `redact ${pointerOf(at) || '/'}: ${why}`);

/** `value` without the texts at `steps` below it; `at` is where it stands itself. */
const without = (value: unknown, steps: readonly string[], at: readonly string[]): unknown => {
  const [step, ...rest] = steps;
  if (step === undefined) return blanked(value, at);
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step) || isLength(value, step)) {
    return refused([...at, step], 'the event has no such field; `shiplog events --format json` shows it');
  }
  const inner = without(Reflect.get(value, step), rest, [...at, step]);
  if (inner instanceof Rejection) return inner;
  return Array.isArray(value) ? value.with(Number(step), inner) : { ...value, [step]: inner };
};

const isLength = (value: object, step: string): boolean => Array.isArray(value) && !/^\d+$/.test(step);

export const isIdentifying = (at: readonly string[]): boolean => {
  const last = at.at(-1) ?? '';
  const labelled = at.at(-2) === 'labels' || at.at(-2) === 'annotations';
  return labelled ? last.startsWith(systemLabel) : at.some((step) => identifying.has(step));
};

/** All texts in a value taken out. */
const blanked = (value: unknown, at: readonly string[]): unknown => {
  const texts = typeof value === 'string' ? 1 : countTexts(value);
  if (texts === 0) return refused(at, 'there is no text here; only texts can be taken out');
  return blankedTexts(value, at);
};

const blankedTexts = (value: unknown, at: readonly string[]): unknown => {
  if (isIdentifying(at)) {
    return refused(
      at,
      'this tells things apart or holds others; the log would no longer say what it was about',
    );
  }
  if (typeof value === 'string') return markerFor(value, at);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(
    ([key, inner]) => [key, blankedTexts(inner, [...at, key])] as const,
  );
  const wrong = entries.find(([, inner]) => inner instanceof Rejection);
  if (wrong !== undefined) return wrong[1];
  return Array.isArray(value) ? entries.map(([, inner]) => inner) : Object.fromEntries(entries);
};

const countTexts = (value: unknown): number => {
  if (typeof value === 'string') return 1;
  if (typeof value !== 'object' || value === null) return 0;
  return Object.values(value).reduce<number>((sum, inner) => sum + countTexts(inner), 0);
};

/** A text takes at least as many bytes in JSON as it has UTF-16 units, so a marker of fewer units always fits. */
export const markerFor = (text: string, at: readonly string[]): string => {
  // A variable without its name would be no variable: the container's record could not be read as one.
  const kept = at.at(-2) === 'env' ? text.slice(0, text.indexOf('=') + 1) : '';
  const room = text.length - kept.length;
  return kept + (markers.find((marker) => marker.length <= room) ?? '');
};

const wrongWith = (
  event: Pick<Envelope, 'type' | 'version' | 'subject'>,
  data: unknown,
): Rejection | undefined => {
  const definition = definitionOf(event.type);
  if (definition === undefined || event.version > definition.version) {
    return new Rejection(
      'failed-precondition',
      `redact a '${event.type}' of version ${event.version}: this version of Shiplog does not know it; use the one that wrote it`,
    );
  }
  const parsed = definition.data.safeParse(upcast(definition, event.version, data));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const field = pointerOf((issue?.path ?? []).map(String));
    return new Rejection(
      'invalid-argument',
      `redact ${field}: a '${event.type}' can't be without it (${issue?.message ?? 'its shape breaks'})`,
    );
  }
  if (subjectOf({ type: event.type, data: parsed.data } as unknown as DomainEvent) === event.subject) {
    return undefined;
  }
  return new Rejection('invalid-argument', `redact '${event.type}': it would be about something else then`);
};
