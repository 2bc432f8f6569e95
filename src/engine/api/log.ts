import { firstDifference } from '../../domain/difference.ts';
import type { Subject } from '../../domain/envelope.ts';
import { type Namespace, type Position, Timestamp } from '../../domain/identity.ts';
import type { LogQuery } from '../../domain/log-query.ts';
import { stateOf } from '../../projections/changes.ts';
import { eventFilter, eventQuery, namesQuery } from '../../projections/event-filter.ts';
import { factOf } from '../ledger.ts';
import type { LogApi, ToldEvent } from '../ports/api.ts';
import { type Engine, orThrow, shown } from './engine.ts';
import { follow } from './follow.ts';
import { toldAsIs } from './redacted.ts';
import { factsIn, subjectsIn } from './subjects.ts';
import { told } from './told.ts';
import { tellWhy } from './why.ts';

/** What the log tells. */
export const logApi = (engine: Engine): LogApi => ({
  events: (query, signal) => events(engine, query, signal),
  history: (query) => history(engine, query),
  horizon: (query) => horizon(engine, query),
  why: (query, signal) => tellWhy(engine, query, signal),
  verify: (given, progress) => verify(engine, given, progress),
});

/** The containers that filters mean by names which they bear no more. */
const formerlyNamed = async (
  engine: Engine,
  filters: readonly string[],
  namespace: Namespace | undefined,
): Promise<readonly Subject[]> => {
  const where = namesQuery(filters, namespace);
  if (where === undefined) return [];
  const subjects = new Set<Subject>();
  for await (const fact of factsIn(engine, { where })) subjects.add(fact.subject);
  return [...subjects];
};

const timesOf = ({ since, until }: { since?: number; until?: number }): LogQuery => ({
  ...(since === undefined ? {} : { since: Timestamp.parse(since) }),
  ...(until === undefined ? {} : { until: Timestamp.parse(until) }),
});

/** What is durable at the call is found through the log's index; what comes later is looked at one by one. */
async function* events(
  engine: Engine,
  query: Parameters<LogApi['events']>[0],
  signal?: AbortSignal,
): AsyncIterable<ToldEvent> {
  const { log } = engine.ports;
  const { from = log.horizon, since = 0, until = Number.POSITIVE_INFINITY, namespace, filters } = query;
  // Refused before the log is asked.
  orThrow(eventFilter(filters, shown(engine), namespace));
  const edge = log.durable;
  const named = await formerlyNamed(engine, filters, namespace);
  const wanted = orThrow(eventFilter(filters, shown(engine), namespace, named));
  const where = { ...eventQuery(filters, namespace, named), ...timesOf(query) };
  for await (const fact of factsIn(engine, { from, to: edge, where }))
    if (wanted(fact)) yield await toldAsIs(engine, fact);
  if (!query.follow || (await hasPassed(engine, from, edge, until))) return;
  let onwards = edge;
  if (from > edge) onwards = from;
  for await (const batch of follow(log, onwards, signal)) {
    for (const recorded of batch) {
      const fact = factOf(recorded);
      if (fact.meta.time.wall > until) return;
      if (fact.meta.time.wall >= since && wanted(fact)) yield told(fact);
    }
  }
}

/** Whether an event of a stretch of the log is later than a time. */
const hasPassed = async (engine: Engine, from: Position, to: Position, until: number): Promise<boolean> => {
  if (until === Number.POSITIVE_INFINITY) return false;
  const where = timesOf({ since: until + 1 });
  for await (const _ of factsIn(engine, { from, to, where })) return true;
  return false;
};

/** The subjects that a text means, here or gone. @throws Rejection `not-found` where the log has never heard of it */
export const subjectsOf = (
  engine: Engine,
  namespace: Namespace,
  thing: string,
): Promise<ReadonlySet<Subject>> => subjectsIn(engine, shown(engine), namespace, thing);

async function* history(engine: Engine, query: Parameters<LogApi['history']>[0]): AsyncIterable<ToldEvent> {
  const { namespace, thing, filters = [] } = query;
  const wanted = orThrow(eventFilter(filters, shown(engine)));
  const subjects = [...(await subjectsOf(engine, namespace, thing))];
  const where = { ...eventQuery(filters, undefined, []), ...timesOf(query), subjects };
  for await (const fact of factsIn(engine, { where })) if (wanted(fact)) yield await toldAsIs(engine, fact);
}

const horizon = async (
  engine: Engine,
  { namespace, thing }: Parameters<LogApi['horizon']>[0],
): ReturnType<LogApi['horizon']> => {
  const { horizon: begins } = engine.ports.log;
  if (begins === 0n) return { position: begins, archives: [], reachesBelow: false };
  const { world } = await engine.timeline.viewsAt(begins);
  const subjects = [...(await subjectsOf(engine, namespace, thing))];
  const reachesBelow = subjects.some((subject) => stateOf(world, subject) !== undefined);
  return { position: begins, archives: shown(engine).keeping.prunedInto, reachesBelow };
};

/**
 * Files and signed heads in one pass, then that the views in memory are what a replay gives, from zero or from the horizon.
 */
const verify = async (
  engine: Engine,
  ...[given, progress]: Parameters<LogApi['verify']>
): ReturnType<LogApi['verify']> => {
  const { log, logInspector } = engine.ports;
  const total = Number(log.durable);
  const { horizon } = log;
  const known = shown(engine).signing.keys.map(({ vkey }) => vkey);
  const vkeys = given.vkeys.length === 0 ? known : given.vkeys;
  const heads = await engine.heads.checking({ horizon, vkeys, notes: given.notes });
  const files = await logInspector.verify(
    (events) => progress(Math.min(events, total), total),
    (hashes, first) => heads.take(hashes, first),
  );
  if (!files.intact) return { ok: false, message: files.damage, headHash: '', checked: 0 };
  const { events: checked, head: headHash } = files;
  const { position: at, ...tree } = await heads.verdict();
  if (!tree.ok) return { ...tree, ...(at === undefined ? {} : { position: at }), headHash, checked };
  const differs = await viewsDiffer(engine);
  if (differs !== undefined) {
    const message = `the view of ${differs} is not what a replay of the log gives; restart the daemon, and report this`;
    return { ok: false, message, headHash, checked };
  }
  const from = horizon === 0n ? 'the start' : `the horizon at ${horizon}`;
  const message = `${checked} events: checksums, chain and hashes are right, and the views equal a replay from ${from}\n${tree.message}`;
  return { ok: true, message, headHash, checked };
};

/** Where the views in memory are not what a replay gives. */
const viewsDiffer = async ({ ledger, timeline }: Engine): Promise<string | undefined> => {
  const { durable } = ledger;
  const replayed = await timeline.refolded(durable.world.position);
  return firstDifference(replayed.world, durable.world);
};
