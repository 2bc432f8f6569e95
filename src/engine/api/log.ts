import { firstDifference } from '../../domain/difference.ts';
import type { Subject } from '../../domain/envelope.ts';
import type { Fact } from '../../domain/event.ts';
import { type Namespace, type Position, position } from '../../domain/identity.ts';
import type { DomainEvent } from '../../domain/world.ts';
import { type EventPredicate, eventFilter } from '../../projections/event-filter.ts';
import { factOf } from '../ledger.ts';
import type { LogApi, ToldEvent } from '../ports/api.ts';
import { emptyViews, evolveViews } from '../views.ts';
import { type Engine, orThrow, shown } from './engine.ts';
import { follow } from './follow.ts';
import { subjectsIn } from './subjects.ts';
import { told } from './told.ts';
import { tellWhy } from './why.ts';

/** What the log tells. */
export const logApi = (engine: Engine): LogApi => ({
  events: (query, signal) => events(engine, query, signal),
  history: (query) => history(engine, query),
  why: (query, signal) => tellWhy(engine, query, signal),
  verify: (progress) => verify(engine, progress),
});

/** Durable facts from a position on that are wanted, to what is durable now. */
async function* scan(
  engine: Engine,
  from: Position,
  wanted: EventPredicate,
): AsyncGenerator<Fact<DomainEvent>> {
  for await (const batch of engine.ports.log.read({ from })) {
    for (const recorded of batch) {
      const fact = factOf(recorded);
      if (wanted(fact)) yield fact;
    }
  }
}

async function* events(
  engine: Engine,
  query: Parameters<LogApi['events']>[0],
  signal?: AbortSignal,
): AsyncIterable<ToldEvent> {
  const { from = position(0n), since = 0, until = Number.POSITIVE_INFINITY, namespace, filters } = query;
  const passes = orThrow(eventFilter(filters, shown(engine), namespace));
  const wanted: EventPredicate = (fact) => passes(fact) && fact.meta.time.wall >= since;
  const source = query.follow ? follow(engine.ports.log, from, signal) : engine.ports.log.read({ from });
  for await (const batch of source) {
    for (const recorded of batch) {
      const fact = factOf(recorded);
      if (fact.meta.time.wall > until) return;
      if (wanted(fact)) yield told(fact);
    }
  }
}

/** The subjects that a text means, here or gone. @throws Rejection `not-found` where the log has never heard of it */
export const subjectsOf = (
  engine: Engine,
  namespace: Namespace,
  thing: string,
): Promise<ReadonlySet<Subject>> => subjectsIn(engine, shown(engine), namespace, thing);

async function* history(
  engine: Engine,
  { namespace, thing }: { namespace: Namespace; thing: string },
): AsyncIterable<ToldEvent> {
  const subjects = await subjectsOf(engine, namespace, thing);
  for await (const fact of scan(engine, position(0n), concerns(subjects))) yield told(fact);
}

/** An event is about a thing when it names it as its subject, or turned its key into that name. */
const concerns =
  (subjects: ReadonlySet<Subject>): EventPredicate =>
  (fact) => {
    if (subjects.has(fact.subject)) return true;
    if (fact.type !== 'snapshot-committed') return false;
    const { namespace, snapshotter, name } = fact.data;
    return subjects.has(`snapshot/${namespace}/${snapshotter}/${name}` as Subject);
  };

/** The files first, then that the views in memory are what a replay from zero gives. */
const verify = async (engine: Engine, progress: (checked: number, total: number) => void) => {
  const total = Number(engine.ports.log.durable);
  const verdict = await engine.ports.logInspector.verify((events) =>
    progress(Math.min(events, total), total),
  );
  if (!verdict.intact) return { ok: false, message: verdict.damage, headHash: '', checked: 0 };
  const { events: checked, head: headHash } = verdict;
  const { durable } = engine.ledger;
  let replayed = emptyViews;
  for await (const batch of engine.ports.log.read({ to: durable.world.position })) {
    for (const recorded of batch) replayed = evolveViews(replayed, factOf(recorded));
  }
  const differs = firstDifference(replayed.world, durable.world);
  const message =
    differs === undefined
      ? `${checked} events: checksums, chain and hashes are right, and the views equal a replay from the start`
      : `the view of ${differs} is not what a replay of the log gives; restart the daemon, and report this`;
  return { ok: differs === undefined, message, headHash, checked };
};
