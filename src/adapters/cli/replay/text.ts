import type { TimedState } from '../../../gen/shiplog/v1/time_pb.ts';
import { fieldText } from '../output/changes.ts';
import { eventLine, eventRow } from '../output/event-rows.ts';
import type { Paint } from '../output/paint.ts';
import { toJson } from '../output/template.ts';
import { printable } from '../output/units.ts';
import type { View } from './debugger.ts';

/** A place of a replay in plain lines: the event, what it changed, and how things are. */
export const viewText = ({ at, event, state, changes, note }: View, paint: Paint): string => {
  const lines = [
    event ? eventLine(eventRow(event)) : `at ${at}`,
    ...changes.map((change) => `    ${paint('yellow', fieldText(change))}`),
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
