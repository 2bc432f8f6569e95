import type { Fact } from '../../../domain/event.ts';
import { type Namespace, type Position, position } from '../../../domain/identity.ts';
import type { DomainEvent, World } from '../../../domain/world.ts';
import { expressionScope } from '../../../projections/expression-scope.ts';
import type { Predicate } from '../../ports/expressions.ts';
import type { Asked, Bisected, BisectQuery } from '../../ports/time-api.ts';
import type { Engine } from '../engine.ts';
import { told } from '../told.ts';
import { factAt, stretchOf } from './reading.ts';

/** What an expression says of a world; that it can't say counts as no. */
export const ask = (
  predicate: Predicate,
  world: World,
  namespace: Namespace,
  last: Fact<DomainEvent> | undefined,
): Asked => {
  const verdict = predicate(expressionScope(world, namespace, last));
  if ('holds' in verdict) return { at: world.position, holds: verdict.holds };
  return { at: world.position, holds: false, undecided: verdict.undecided };
};

/** The first event after which an expression holds. */
export const bisect = async (engine: Engine, query: BisectQuery, signal?: AbortSignal): Promise<Bisected> => {
  const predicate = await engine.ports.expressions.compile(query.expression);
  const { from, to } = await stretchOf(engine, query);
  const { linear, namespace } = query;
  return (linear ? scan : halve)({ engine, predicate, namespace, signal }, from, to);
};

interface Search {
  readonly engine: Engine;
  readonly predicate: Predicate;
  readonly namespace: Namespace;
  readonly signal: AbortSignal | undefined;
}

const askAt = async ({ engine, predicate, namespace, signal }: Search, at: Position): Promise<Asked> => {
  const { world } = await engine.timeline.viewsAt(at, signal);
  const last = at > engine.ports.log.horizon ? await factAt(engine, position(at - 1n)) : undefined;
  return ask(predicate, world, namespace, last);
};

/** Between a no and a yes, looks in the middle, until they are neighbours. */
const halve = async (search: Search, from: Position, to: Position): Promise<Bisected> => {
  let before = await askAt(search, from);
  let after = await askAt(search, to);
  let states = 2;
  if (before.holds || !after.holds) return { before, after, states };
  while (after.at - before.at > 1n) {
    const middle = await askAt(search, position((before.at + after.at) / 2n));
    states += 1;
    if (middle.holds) after = middle;
    else before = middle;
  }
  return { event: told(await factAt(search.engine, before.at)), before, after, states };
};

/** Asks after every event, in order. */
const scan = async (search: Search, from: Position, to: Position): Promise<Bisected> => {
  const { engine, predicate, namespace, signal } = search;
  const start = await askAt(search, from);
  let before = start;
  let states = 1;
  if (before.holds) return { before, after: before, states };
  for await (const { fact, views } of engine.timeline.walk(from, to, signal)) {
    const after = ask(predicate, views.world, namespace, fact);
    states += 1;
    if (after.holds) return { event: told(fact), before, after, states };
    before = after;
  }
  return { before: start, after: before, states };
};
