import { position } from '../../domain/identity.ts';
import type { Asked, DatedChange, State, TimeApi } from '../../engine/ports/time-api.ts';
import type { Time } from '../../gen/shiplog/v1/time_pb.ts';
import { atOf } from './at.ts';
import { eventMessage } from './event-messages.ts';
import type { Service } from './handlers.ts';
import { namespaceOf, present, required } from './parse.ts';

async function* mapped<T, U>(source: AsyncIterable<T>, map: (item: T) => U): AsyncGenerator<U> {
  for await (const item of source) yield map(item);
}

const json = (value: unknown): string | undefined =>
  value === undefined ? undefined : JSON.stringify(value);

const changeMessage = ({ path, before, after, by }: DatedChange) => ({
  path,
  ...present({ before: json(before), after: json(after), by }),
});

const askedMessage = ({ at, holds, undecided }: Asked) => ({
  position: at,
  holds,
  undecided: undecided ?? '',
});

const stateMessage = ({ at, subject, value }: State) => ({
  position: at,
  subject: subject ?? '',
  ...present({ value: json(value) }),
});

/** A text that may be left empty. */
const given = (text: string): string | undefined => (text === '' ? undefined : text);

export const timeService = (api: TimeApi): Service<typeof Time> => ({
  diff: ({ namespace, thing, from, to }, { signal }) => {
    const query = present({
      from: atOf(from),
      to: atOf(to),
      thing: thing === '' ? undefined : { namespace: namespaceOf(namespace), thing },
    });
    return mapped(api.diff(query, signal), ({ subject, change, fields, events }) => ({
      subject,
      change,
      fields: fields.map(changeMessage),
      events: events.map(eventMessage),
    }));
  },
  blame: async ({ namespace, thing, field, at }) => {
    const found = await api.blame({
      namespace: namespaceOf(namespace),
      thing: required(thing, 'thing'),
      ...present({ field: given(field), at: atOf(at) }),
    });
    return {
      subject: found.subject,
      position: found.at,
      fields: found.fields.map(({ path, value, by }) => ({
        path,
        value: JSON.stringify(value),
        ...present({ by: by && eventMessage(by) }),
      })),
    };
  },
  causes: async ({ position: at }) => {
    const { nodes, note } = await api.causes({ position: position(at) });
    return { nodes: nodes.map(({ event, ...rest }) => ({ event: eventMessage(event), ...rest })), note };
  },
  bisect: async ({ namespace, expression, from, to, linear }, { signal }) => {
    const query = {
      namespace: namespaceOf(namespace),
      expression: required(expression, 'expression'),
      linear,
      ...present({ from: atOf(from), to: atOf(to) }),
    };
    const { event, before, after, states } = await api.bisect(query, signal);
    return {
      ...present({ event: event && eventMessage(event) }),
      before: askedMessage(before),
      after: askedMessage(after),
      states: BigInt(states),
    };
  },
  steps: ({ namespace, from, to, thing, types, expression, backward, limit }, { signal }) => {
    const query = {
      namespace: namespaceOf(namespace),
      types,
      backward,
      ...present({
        from: atOf(from),
        to: atOf(to),
        thing: given(thing),
        expression: given(expression),
        limit: limit === 0 ? undefined : limit,
      }),
    };
    return mapped(api.steps(query, signal), ({ event, state, changes }) => ({
      event: eventMessage(event),
      state: stateMessage(state),
      changes: changes.map(changeMessage),
    }));
  },
  state: async ({ namespace, at, thing }) =>
    stateMessage(
      await api.state({
        namespace: namespaceOf(namespace),
        ...present({ at: atOf(at), thing: given(thing) }),
      }),
    ),
});
