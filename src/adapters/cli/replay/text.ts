import type { FieldChange, TimedState } from '../../../gen/shiplog/v1/time_pb.ts';
import { fieldText } from '../output/changes.ts';
import { eventLine, eventRow } from '../output/event-rows.ts';
import type { Paint } from '../output/paint.ts';
import { toJson } from '../output/template.ts';
import { printable } from '../output/units.ts';
import type { View } from './debugger.ts';

/** What an event changed, a field a line; of a thing that it made or removed only how much that was. */
export const changeLines = (changes: readonly FieldChange[]): readonly string[] => {
  if (changes.length > 1 && changes.every(({ before }) => before === undefined)) {
    return [`+ ${changes.length} fields`];
  }
  if (changes.length > 1 && changes.every(({ after }) => after === undefined)) {
    return [`- ${changes.length} fields`];
  }
  return changes.map((change) => fieldText(change));
};

/** A place of a replay in plain lines: the event, what it changed, and how things are. */
export const viewText = ({ at, event, state, changes, note }: View, paint: Paint): string => {
  const lines = [
    event ? eventLine(eventRow(event)) : `at ${at}`,
    ...changeLines(changes).map((line) => `    ${paint('yellow', line)}`),
    ...(state.subject === '' || state.value === undefined ? [`    ${stateLine(state)}`] : []),
    ...(note === '' ? [] : [`    (${note})`]),
  ];
  return lines.map((line) => `${line}\n`).join('');
};

const parsed = ({ value }: TimedState): unknown => {
  const found: unknown = value === undefined ? undefined : JSON.parse(value);
  return found;
};

/** Counts of the world in one line, or that a thing is not there. */
export const stateLine = (state: TimedState): string => {
  const value = parsed(state);
  if (typeof value !== 'object' || value === null) return `${printable(state.subject)} is not there`;
  return Object.entries(value)
    .map(([name, count]) => `${name} ${String(count)}`)
    .join(', ');
};

/** The whole state, a field a line. */
export const stateText = (state: TimedState): string => {
  const value = parsed(state);
  return value === undefined ? stateLine(state) : toJson(value, 2);
};

/** The event, a field a line. */
export const eventText = ({ at, event }: View): string => {
  if (!event) return `at ${at}, before the first event`;
  const { Position, Time, Type, Subject, Summary, Who, Why, Correlation, Causation, Data } = eventRow(event);
  return [
    ...[`${Position}  ${Type}`, Subject, Summary, '', `at      ${Time}`, `by      ${Who}`],
    ...(Why ? [`why     ${Why}`] : []),
    `chain   ${Correlation}${Causation === null ? '' : `, after ${Causation}`}`,
    '',
    toJson(Data, 2),
  ].join('\n');
};
