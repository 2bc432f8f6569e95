import type { Subject } from '../../../domain/envelope.ts';
import type { Fact } from '../../../domain/event.ts';
import { type Namespace, type Position, position } from '../../../domain/identity.ts';
import { Rejection } from '../../../domain/rejection.ts';
import type { DomainEvent, World } from '../../../domain/world.ts';
import { stateOf } from '../../../projections/changes.ts';
import { resolveThing } from '../../../projections/things.ts';
import { factOf } from '../../ledger.ts';
import type { At } from '../../ports/at.ts';
import type { LogRange } from '../../ports/log.ts';
import { type Engine, orThrow } from '../engine.ts';
import { subjectsOf } from '../log.ts';
import { momentOf } from '../past.ts';

/** Facts one by one. @throws Rejection `cancelled` when the signal fires */
export async function* factsOf(
  { ports }: Engine,
  range: LogRange,
  signal?: AbortSignal,
): AsyncGenerator<Fact<DomainEvent>> {
  for await (const batch of ports.log.read(range)) {
    if (signal?.aborted) throw new Rejection('cancelled', 'the caller went away');
    for (const recorded of batch) yield factOf(recorded);
  }
}

/** The event at a position. @throws Rejection `not-found` */
export const factAt = async (engine: Engine, at: Position): Promise<Fact<DomainEvent>> => {
  const { horizon, durable } = engine.ports.log;
  if (at >= horizon && at < durable) {
    for await (const fact of factsOf(engine, { from: at, to: position(at + 1n) })) return fact;
  }
  throw new Rejection(
    'not-found',
    `no event has position ${at}: the log holds those from ${horizon} to ${durable}, exclusive`,
  );
};

/** The position that a moment means; where there is none, that of the present. */
export const placeOf = async (engine: Engine, at: At | undefined): Promise<Position> =>
  at === undefined ? engine.ledger.durable.world.position : (await momentOf(engine, at)).position;

/**
 * The stretch that two moments bound; from the horizon where the first is left out, to the present where the second is.
 * @throws Rejection `invalid-argument` where the first is the later one
 */
export const stretchOf = async (
  engine: Engine,
  query: { readonly from?: At; readonly to?: At },
): Promise<{ readonly from: Position; readonly to: Position }> => {
  const from = query.from === undefined ? engine.ports.log.horizon : await placeOf(engine, query.from);
  const to = await placeOf(engine, query.to);
  if (from <= to) return { from, to };
  throw new Rejection(
    'invalid-argument',
    `position ${from} comes after ${to}; give the earlier moment first`,
  );
};

/**
 * The things that a text means: those that bear that name in one of the worlds, else what the log knows by it.
 * @throws Rejection `not-found`, `invalid-argument` where it is ambiguous
 */
export const thingsNamed = async (
  engine: Engine,
  { namespace, thing }: { readonly namespace: Namespace; readonly thing: string },
  ...worlds: readonly World[]
): Promise<ReadonlySet<Subject>> => {
  for (const world of worlds) {
    const found = orThrow(resolveThing(world, namespace, thing)).filter(
      (one) => stateOf(world, one) !== undefined,
    );
    if (found.length > 0) return new Set(found);
  }
  return subjectsOf(engine, namespace, thing);
};
