import { z } from 'zod';
import type { DurabilityOrder, EventDefinition } from '../src/domain/event.ts';
import { Digest, Namespace } from '../src/domain/identity.ts';
import { eventTables } from '../src/domain/world.ts';
import { fieldWords } from './event-words.ts';

/** docs/events.md, made from the schemas that check every event on its way into the log. */

interface Schema {
  readonly type?: string;
  readonly description?: string;
  readonly pattern?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly enum?: readonly string[];
  readonly const?: unknown;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: Schema | boolean;
}
const schemaOf = (type: z.ZodType): Schema => z.toJSONSchema(type, { unrepresentable: 'any' }) as Schema;

const patterns = new Map<string | undefined, string>([
  [schemaOf(Namespace).pattern, 'identifier'],
  [schemaOf(Digest).pattern, 'digest'],
  ['^\\d+$', 'decimal digits'],
]);

const range = (schema: Schema): string => {
  const low = schema.exclusiveMinimum === undefined ? schema.minimum : schema.exclusiveMinimum + 1;
  const high = schema.maximum === Number.MAX_SAFE_INTEGER ? undefined : schema.maximum;
  if (low === undefined || low === Number.MIN_SAFE_INTEGER) return '';
  return high === undefined ? `, ${low} or more` : `, ${low} to ${high}`;
};

const typeWords = (schema: Schema): string => {
  const known = schema.pattern === undefined ? undefined : patterns.get(schema.pattern);
  if (known !== undefined) return known;
  const either = schema.anyOf ?? schema.oneOf;
  if (either) return either.map(typeWords).join(' or ');
  if (schema.const !== undefined) return `\`${JSON.stringify(schema.const)}\``;
  if (schema.enum) return schema.enum.map((one) => `\`${one}\``).join(', ');
  if (schema.type === 'array') return `list of ${schema.items ? typeWords(schema.items) : 'anything'}`;
  if (schema.type === 'integer' || schema.type === 'number') return `${schema.type}${range(schema)}`;
  if (schema.type !== 'object') return schema.type === 'string' ? text(schema) : (schema.type ?? 'anything');
  if (schema.properties) {
    const fields = Object.entries(schema.properties).map(([name, one]) => `${name}: ${typeWords(one)}`);
    return `{ ${fields.join('; ')} }`;
  }
  return 'map of text to text';
};
const text = ({ minLength, maxLength }: Schema): string =>
  maxLength === undefined ? 'text' : `text, ${minLength ?? 0} to ${maxLength} characters`;

/** @returns the words of the longest tail of a path that has any */
const wordsFor = (path: string): string => {
  const parts = path.split('.');
  for (let from = 0; from < parts.length; from++) {
    const found = fieldWords[parts.slice(from).join('.')];
    if (found !== undefined) return found;
  }
  return '';
};

interface Row {
  readonly path: string;
  readonly type: string;
  readonly optional: boolean;
  readonly meaning: string;
}

const rowsOf = (schema: Schema, prefix = ''): readonly Row[] =>
  Object.entries(schema.properties ?? {}).flatMap(([name, field]) => {
    const path = `${prefix}${name}`;
    const inner = field.properties ? field : field.items;
    const nested = inner?.properties !== undefined;
    const kind = field.type === 'array' ? 'list' : 'object';
    const row: Row = {
      path,
      type: nested ? kind : typeWords(field),
      optional: !(schema.required ?? []).includes(name),
      meaning: field.description ?? wordsFor(path),
    };
    return inner && nested ? [row, ...rowsOf(inner, `${path}${kind === 'list' ? '[]' : ''}.`)] : [row];
  });

/** Every field of every event, for the test that none is left unexplained. */
export const fieldRows = (definition: EventDefinition): readonly Row[] => rowsOf(schemaOf(definition.data));

const cell = (words: string): string => words.replaceAll('|', '\\|').replaceAll('\n', ' ');

const eventSection = (type: string, definition: EventDefinition): string =>
  [
    `### ${type}`,
    '',
    definition.says,
    '',
    `Version ${definition.version}. Order: ${definition.order}.`,
    '',
    '| Field | Type | Meaning |',
    '| --- | --- | --- |',
    ...fieldRows(definition).map(
      ({ path, type: words, optional, meaning }) =>
        `| \`${path}\`${optional ? ' (optional)' : ''} | ${cell(words)} | ${cell(meaning)} |`,
    ),
    '',
    '```json',
    JSON.stringify(definition.example, null, 2),
    '```',
    '',
  ].join('\n');

const orders: Readonly<Record<DurabilityOrder, string>> = {
  making: 'the bytes are on stable storage before the event is, the event before the reply',
  removing: 'the event is on stable storage before the reply, the bytes are removed after it',
  intent: 'on stable storage before the act on a process that it announces',
  outcome: 'what became of an intent; on stable storage before the reply',
  record: 'states a fact or changes a record; on stable storage before the reply',
};

const heading = `# Events

<!-- Made by \`npm run docs:events\` from the schemas in src/domain. Don't edit. -->

Everything that can stand in a host's log. Names and fields are the storage format: a change of shape is a new version,
and old versions are read for ever.

Around each event stands its envelope: \`type\` and \`version\` (which schema \`data\` has), \`subject\` (the thing it is about, as
\`kind/namespace/id\`), and \`meta\`: \`actor\` (uid, gid, pid and executable of the caller, and what its client calls itself),
\`time\` (\`wall\`: microseconds since the Unix epoch; \`mono\`: microseconds since boot; \`boot\`: the kernel's boot id),
\`correlation\` (shared by all that follows from one request), \`causation\` (position of the event that led to this one) and
\`reason\` (the caller's words).

The order of an event says when it is durable:
`;

export const renderEvents = (): string =>
  [
    heading,
    ...Object.entries(orders).map(([order, words]) => `- \`${order}\`: ${words}.`),
    '',
    'An `identifier` is 1 to 76 letters and digits joined by single `.`, `_` or `-`; a `digest` is `sha256:` and 64, or `sha512:`',
    'and 128, lower-case hexadecimal digits.',
    '',
    ...Object.entries(eventTables).flatMap(([kind, table]) => [
      `## ${kind}`,
      '',
      ...Object.entries<EventDefinition>(table).map(([type, definition]) => eventSection(type, definition)),
    ]),
  ]
    .join('\n')
    .trimEnd()
    .concat('\n');
