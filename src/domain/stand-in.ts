import type { z } from 'zod';
import type { Envelope } from './envelope.ts';
import { isIdentifying, markerFor } from './redaction.ts';
import { Rejection } from './rejection.ts';
import { upcast } from './upcast.ts';
import { definitionOf } from './world.ts';

/**
 * What stands for the data of an event that is left out: of the same shape, so that it can be folded, without its texts.
 * What stays is what tells things apart (as in a redaction), numbers, and texts that the event can't be without, such as
 * the names of states.
 */

type Steps = readonly string[];
const keyOf = (steps: Steps): string => JSON.stringify(steps);

/** A text that must be an absolute path takes this. */
const PATH = '/redacted';

/**
 * @returns the data in the shape of `version`, or a refusal for an event that this version does not know
 */
export const standInFor = (
  event: Pick<Envelope, 'type' | 'version' | 'data'>,
): { readonly version: number; readonly data: unknown } | Rejection => {
  const definition = definitionOf(event.type);
  if (definition === undefined || event.version > definition.version) {
    return new Rejection(
      'failed-precondition',
      `leave out event of type '${event.type}', version ${event.version}: this version of Shiplog does not know it; use the one that wrote it`,
    );
  }
  const data = upcast(definition, event.version, event.data);
  const tried = new Map<string, string | undefined>();
  // Each round settles a text at least; an event has fewer than it has bytes.
  for (;;) {
    const attempt = blank(data, [], tried);
    const parsed = definition.data.safeParse(attempt);
    if (parsed.success) return { version: definition.version, data: attempt };
    if (!relent(parsed.error, attempt, data, tried)) {
      return new Rejection('internal', `leave out an event of type '${event.type}': its shape can't be kept`);
    }
  }
};

/** All texts in a value taken out, but those in `tried`: they have what stands there, or stay where it is undefined. */
const blank = (value: unknown, at: Steps, tried: ReadonlyMap<string, string | undefined>): unknown => {
  if (typeof value === 'string') {
    if (isIdentifying(at)) return value;
    const key = keyOf(at);
    return tried.has(key) ? (tried.get(key) ?? value) : markerFor(value, at);
  }
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(
    ([key, inner]) => [key, blank(inner, [...at, key], tried)] as const,
  );
  return Array.isArray(value) ? entries.map(([, inner]) => inner) : Object.fromEntries(entries);
};

/** Gives in where the shape asks for another text. @returns whether there was something to give in to */
const relent = (
  error: z.ZodError,
  attempt: unknown,
  data: unknown,
  tried: Map<string, string | undefined>,
): boolean => {
  let given = false;
  for (const { path } of error.issues) {
    for (const steps of textsBelow(data, path.map(String))) {
      const key = keyOf(steps);
      if (tried.has(key) && tried.get(key) === undefined) continue;
      tried.set(key, tried.has(key) || textAt(attempt, steps) === textAt(data, steps) ? undefined : PATH);
      given = true;
    }
  }
  return given;
};

const valueAt = (value: unknown, steps: Steps): unknown =>
  steps.reduce<unknown>(
    (inner, step) => (typeof inner === 'object' && inner !== null ? Reflect.get(inner, step) : undefined),
    value,
  );

const textAt = (value: unknown, steps: Steps): string | undefined => {
  const found = valueAt(value, steps);
  return typeof found === 'string' ? found : undefined;
};

/** Places of the texts at or below a place. */
const textsBelow = (data: unknown, at: Steps): Steps[] => {
  const value = valueAt(data, at);
  if (typeof value === 'string') return [at];
  if (typeof value !== 'object' || value === null) return [];
  return Object.keys(value).flatMap((key) => textsBelow(data, [...at, key]));
};
