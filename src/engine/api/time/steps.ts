import type { Subject } from '../../../domain/envelope.ts';
import type { Fact } from '../../../domain/event.ts';
import { type Position, position } from '../../../domain/identity.ts';
import { thingAmong, thingsOf } from '../../../domain/let-go.ts';
import { Rejection } from '../../../domain/rejection.ts';
import type { DomainEvent, World } from '../../../domain/world.ts';
import { eventsChanging } from '../../../projections/blame.ts';
import { type FieldChange, fieldsBetween, plain, stateOf } from '../../../projections/changes.ts';
import { summaryOf } from '../../../projections/summary.ts';
import type { State, StateQuery, Step, StepsQuery } from '../../ports/time-api.ts';
import { evolveViews, type Views } from '../../views.ts';
import type { Engine } from '../engine.ts';
import { told } from '../told.ts';
import { ask } from './bisect.ts';
import { factsOf, placeOf, stretchOf, thingsNamed } from './reading.ts';

const stateIn = (world: World, subjects: ReadonlySet<Subject> | undefined, prefer?: Subject): State => {
  if (subjects === undefined) return { at: world.position, value: summaryOf(world) };
  const [first] = subjects;
  const here = [...subjects].find((one) => stateOf(world, one) !== undefined);
  const subject = here ?? prefer ?? first;
  if (subject === undefined) return { at: world.position, value: undefined };
  return { at: world.position, subject, value: plain(stateOf(world, subject)) };
};

/** The state at a moment, of a thing or of all. */
export const state = async (engine: Engine, query: StateQuery): Promise<State> => {
  const { world } = await engine.timeline.viewsAt(await placeOf(engine, query.at));
  const { namespace, thing } = query;
  return stateIn(
    world,
    thing === undefined ? undefined : await thingsNamed(engine, { namespace, thing }, world),
  );
};

interface Walk {
  readonly engine: Engine;
  readonly query: StepsQuery;
  readonly from: Position;
  readonly to: Position;
  readonly subjects: ReadonlySet<Subject> | undefined;
  readonly signal: AbortSignal | undefined;
}

/** Events with the state after each. */
export async function* steps(engine: Engine, query: StepsQuery, signal?: AbortSignal): AsyncGenerator<Step> {
  const { from, to } = await stretchOf(engine, query);
  const { namespace, thing } = query;
  const subjects =
    thing === undefined
      ? undefined
      : await thingsNamed(engine, { namespace, thing }, (await engine.timeline.viewsAt(to, signal)).world);
  const walk: Walk = { engine, query, from, to, subjects, signal };
  const source = query.backward ? backward(walk) : forward(walk);
  let left = query.limit ?? Number.POSITIVE_INFINITY;
  if (left <= 0) return;
  for await (const step of source) {
    yield step;
    left -= 1;
    if (left === 0) return;
  }
}

/** Of a type that is looked for, and about one of the things, or it changes one. */
const isWanted = (
  { query: { types }, subjects }: Walk,
  fact: Fact<DomainEvent>,
  before: World,
  after: World,
): boolean =>
  (types.length === 0 || types.includes(fact.type)) &&
  (subjects === undefined ||
    subjects.has(fact.subject) ||
    [...subjects].some((one) => stateOf(before, one) !== stateOf(after, one)));

const changesOf = (
  before: World,
  after: World,
  subjects: ReadonlySet<Subject> | undefined,
  fact: Fact<DomainEvent>,
): readonly FieldChange[] =>
  [...(subjects ?? thingsOf(fact))].flatMap((one) =>
    fieldsBetween(stateOf(before, one), stateOf(after, one)),
  );

async function* forward(walk: Walk): AsyncGenerator<Step> {
  const { engine, query, from, to, subjects, signal } = walk;
  const holds =
    query.expression === undefined ? undefined : await engine.ports.expressions.compile(query.expression);
  let views: Views = await engine.timeline.viewsAt(from, signal);
  // With an expression every state is asked; for things alone their own events will do.
  const parts = subjects === undefined || holds !== undefined ? [] : eventsChanging(subjects);
  const [part] = parts;
  const where = parts.length === 1 && part !== undefined ? { where: part.query } : {};
  for await (const fact of factsOf(engine, { from, to, ...where }, signal)) {
    const before = views.world;
    views = evolveViews(views, fact);
    if (!isWanted(walk, fact, before, views.world)) continue;
    if (holds !== undefined && !ask(holds, views.world, query.namespace, fact).holds) continue;
    yield stepOf(before, views.world, subjects, fact);
  }
}

/** From the last event to the first; each state is looked up by itself, so take few. */
async function* backward(walk: Walk): AsyncGenerator<Step> {
  const { engine, query, from, to, subjects, signal } = walk;
  if (query.expression !== undefined) {
    throw new Rejection(
      'invalid-argument',
      'an expression is looked for forward only; bisect finds where it turned true',
    );
  }
  const { types } = query;
  const where = {
    ...(types.length === 0 ? {} : { types }),
    ...(subjects === undefined ? {} : { subjects: [...subjects] }),
  };
  for await (const fact of factsOf(engine, { from, to, where, backward: true }, signal)) {
    const before = (await engine.timeline.viewsAt(fact.position, signal)).world;
    const after = (await engine.timeline.viewsAt(position(fact.position + 1n), signal)).world;
    yield stepOf(before, after, subjects, fact);
  }
}

const stepOf = (
  before: World,
  after: World,
  subjects: ReadonlySet<Subject> | undefined,
  fact: Fact<DomainEvent>,
): Step => ({
  event: told(fact),
  // Where only the events of some things are folded, the world's own count of events is not that of the log.
  state: { ...stateIn(after, subjects, thingAmong(fact, subjects)), at: position(fact.position + 1n) },
  changes: changesOf(before, after, subjects, fact),
});
