import type { FieldChange, ThingChange } from '../../../gen/shiplog/v1/time_pb.ts';
import { type EventRow, eventLine, eventRow } from './event-rows.ts';
import type { Paint } from './paint.ts';
import { ellipsis, printable } from './units.ts';

const parsed = (json: string | undefined): unknown => {
  const value: unknown = json === undefined ? null : JSON.parse(json);
  return value;
};

export const fieldRow = ({ path, before, after, by }: FieldChange) => ({
  Path: path,
  Before: parsed(before),
  After: parsed(after),
  Position: by ?? null,
});

export const changeRow = (change: ThingChange) => ({
  Subject: change.subject,
  Change: change.change,
  Fields: change.fields.map(fieldRow),
  Events: change.events.map(eventRow),
});
export type ChangeRow = ReturnType<typeof changeRow>;

/** Room for one value, in characters. */
const VALUE = 60;

/** A value of a state in one line; a dash where there is none. */
export const valueText = (json: string | undefined, width = VALUE): string =>
  json === undefined ? '-' : ellipsis(printable(json), width);

/** `path: before → after`. */
export const fieldText = ({ path, before, after }: FieldChange, width = VALUE): string =>
  `${printable(path)}: ${valueText(before, width)} → ${valueText(after, width)}`;

const marks = { added: ['+', 'green'], removed: ['-', 'red'], changed: ['~', 'yellow'] } as const;
const markOf = (change: string): readonly ['+' | '-' | '~', 'green' | 'red' | 'yellow'] =>
  change === 'added' || change === 'removed' ? marks[change] : marks.changed;

const fieldLines = (change: ThingChange, paint: Paint, width: number): readonly string[] =>
  change.fields.map((field) => {
    const by = field.by === undefined ? '' : paint('dim', `  (${field.by})`);
    return `    ${fieldText(field, width)}${by}`;
  });

/**
 * A thing that changed: what it is, for one that stays each of its fields, and the events that did it. Of a thing that
 * came or went the last event tells all, unless every field is wanted.
 */
export const changeText = (
  change: ThingChange,
  paint: Paint,
  { fields, width = VALUE }: { readonly fields: boolean; readonly width?: number },
): string => {
  const [mark, colour] = markOf(change.change);
  const rows: readonly EventRow[] = change.events.map(eventRow);
  const whole = fields || change.change === 'changed';
  const events = change.change === 'changed' ? rows : rows.slice(-1);
  return [
    paint(colour, `${mark} ${printable(change.subject)}`),
    ...(whole ? fieldLines(change, paint, width) : []),
    ...events.map((row) => `    ${paint('dim', `└─ ${eventLine(row)}`)}`),
    '',
  ].join('\n');
};
