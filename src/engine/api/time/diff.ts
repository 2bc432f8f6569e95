import type { Subject } from '../../../domain/envelope.ts';
import type { Fact } from '../../../domain/event.ts';
import { Rejection } from '../../../domain/rejection.ts';
import type { DomainEvent, World } from '../../../domain/world.ts';
import { setterOf, type Trace } from '../../../projections/blame.ts';
import { fieldsBetween, stateOf, thingsBetween } from '../../../projections/changes.ts';
import type { DiffQuery, ThingChange } from '../../ports/time-api.ts';
import type { Engine } from '../engine.ts';
import { told } from '../told.ts';
import { placeOf, thingsNamed } from './reading.ts';
import { traced } from './trace.ts';

/** Things whose changes are traced together: what is told first does not wait for the last. */
const AT_ONCE = 256;

/** What changed between two moments; also backwards, where the first is the later one. */
export async function* diff(
  engine: Engine,
  query: DiffQuery,
  signal?: AbortSignal,
): AsyncGenerator<ThingChange> {
  const [from, to] = [await placeOf(engine, query.from), await placeOf(engine, query.to)];
  if (from > to) {
    throw new Rejection(
      'invalid-argument',
      `position ${from} comes after ${to}; give the earlier moment first`,
    );
  }
  const before = (await engine.timeline.viewsAt(from, signal)).world;
  const after = (await engine.timeline.viewsAt(to, signal)).world;
  const asked = query.thing && (await thingsNamed(engine, query.thing, after, before));
  const changed = [...thingsBetween(before, after)]
    .filter((subject) => asked === undefined || asked.has(subject))
    .sort();
  for (let at = 0; at < changed.length; at += AT_ONCE) {
    const some = changed.slice(at, at + AT_ONCE);
    const traces = await traced(engine, before, to, some, signal);
    for (const subject of some) {
      const change = changeOf(before, after, subject, traces.get(subject));
      if (change !== undefined) yield change;
    }
  }
}

const changeOf = (
  before: World,
  after: World,
  subject: Subject,
  trace: Trace | undefined,
): ThingChange | undefined => {
  const one = stateOf(before, subject);
  const other = stateOf(after, subject);
  const events = new Map<bigint, Fact<DomainEvent>>();
  const fields = fieldsBetween(one, other).map((change) => {
    const by = trace && setterOf(trace, subject, change.path);
    if (by === undefined) return change;
    events.set(by.position, by);
    return { ...change, by: by.position };
  });
  // It was changed and changed back.
  if (fields.length === 0) return undefined;
  const change = one === undefined ? 'added' : other === undefined ? 'removed' : 'changed';
  const inOrder = [...events.values()].sort((a, b) => (a.position < b.position ? -1 : 1));
  return { subject, change, fields, events: inOrder.map(told) };
};
