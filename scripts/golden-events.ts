import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { EventDefinition } from '../src/domain/event.ts';
import { type DomainEvent, eventTables, subjectOf } from '../src/domain/world.ts';

/** What the released versions wrote: lines of every type of event, and a fingerprint of every shape. */

const definitions = (): readonly (readonly [string, EventDefinition])[] =>
  Object.values(eventTables).flatMap((table) => Object.entries<EventDefinition>(table));

/** Keys in order and words left out, so that a shape alone makes the fingerprint. */
const plain = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(
    ([key, inner]) => !(key === 'description' && typeof inner === 'string'),
  );
  return Object.fromEntries(
    entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, inner]) => [key, plain(inner)]),
  );
};

/** SHA-256 of a schema, 16 hexadecimal digits. */
export const fingerprint = ({ data }: EventDefinition): string =>
  createHash('sha256')
    .update(JSON.stringify(plain(z.toJSONSchema(data, { unrepresentable: 'any', io: 'output' }))))
    .digest('hex')
    .slice(0, 16);

/** `TYPE@VERSION` of each event as it is now, with its fingerprint. */
export const shapes = (): Readonly<Record<string, string>> =>
  Object.fromEntries(
    definitions().map(([type, definition]) => [`${type}@${definition.version}`, fingerprint(definition)]),
  );

/** A line for the golden log: an event's example as a log would hold it. */
export const goldenLine = (type: string, { version, example }: EventDefinition, number: number): string =>
  JSON.stringify({
    type,
    version,
    subject: subjectOf({ type, data: example } as unknown as DomainEvent),
    data: example,
    meta: {
      actor: { uid: 0, gid: 0, pid: 100, exe: '/usr/bin/shiplog', client: 'test' },
      time: { wall: 1_795_000_000_000_000 + number * 1_000_000, mono: number * 1_000_000, boot: 'boot-1' },
      correlation: `request-${number}`,
    },
  });

export interface Golden {
  readonly lines: readonly string[];
  readonly shapes: Readonly<Record<string, string>>;
}

const nameOf = (line: string): string => {
  const { type, version } = z.object({ type: z.string(), version: z.number() }).parse(JSON.parse(line));
  return `${type}@${version}`;
};

/** What is kept already, never changed, and after it what has come since. */
export const extended = ({ lines, shapes: kept }: Golden): Golden => {
  const known = new Set(lines.map(nameOf));
  const fresh = definitions().filter(([type, { version }]) => !known.has(`${type}@${version}`));
  return {
    lines: [
      ...lines,
      ...fresh.map(([type, definition], n) => goldenLine(type, definition, lines.length + n)),
    ],
    shapes: { ...shapes(), ...kept },
  };
};
