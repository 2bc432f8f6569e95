import type { Fact } from '../domain/event.ts';
import type { Namespace } from '../domain/identity.ts';
import { isRejection, Rejection } from '../domain/rejection.ts';
import { type DomainEvent, emptyWorld, evolve, type World } from '../domain/world.ts';
import { listContainers } from '../projections/container-list.ts';
import { type EventPredicate, eventFilter } from '../projections/event-filter.ts';
import { addToRuns, isRunOf, type Runs, runTypes } from '../projections/runs.ts';
import { told } from './api/told.ts';
import { factOf } from './ledger.ts';
import type { Fleet, FleetContainer, FleetLogs, FleetRun, FleetToldEvent, HostEvent } from './ports/fleet.ts';

/** Types of events that say what containers there are and how they run; images are there for filters by ancestor. */
const containerTypes = ['container-', 'task-', 'image-'];

/** Answers over the logs of all hosts, without a daemon, by the same folds as a daemon's. */
export const fleetOf = (logs: FleetLogs): Fleet => ({
  ps: (query) => ps(logs, query),
  history: (query) => history(logs, query),
  events: (query, signal) => events(logs, query, signal),
  close: () => logs.close(),
});

/** @throws Rejection that names the host */
const factIn = ({ host, event }: HostEvent): Fact<DomainEvent> => {
  try {
    return factOf(event);
  } catch (error) {
    if (!isRejection(error)) throw error;
    throw new Rejection(error.code, `host ${host}: ${error.message}`, { cause: error });
  }
};

const ps = async (
  logs: FleetLogs,
  { hosts, namespace, all, filters }: Parameters<Fleet['ps']>[0],
): Promise<readonly FleetContainer[]> => {
  const worlds = new Map<string, World>();
  for await (const one of logs.read({ hosts, types: containerTypes })) {
    worlds.set(one.host, evolve(worlds.get(one.host) ?? emptyWorld, factIn(one)));
  }
  const found: FleetContainer[] = [];
  for (const [host, world] of [...worlds].sort(([a], [b]) => (a < b ? -1 : 1))) {
    for (const inside of namespacesIn(world, namespace)) {
      const views = listContainers(world, inside, { all, filters });
      if (isRejection(views)) throw views;
      for (const view of views) found.push({ host, view });
    }
  }
  return found;
};

const namespacesIn = (world: World, wanted: Namespace | undefined): readonly Namespace[] => {
  if (wanted !== undefined) return [wanted];
  return [...new Set([...world.container.byId.values()].map(({ namespace }) => namespace))].sort();
};

const history = async (
  logs: FleetLogs,
  { hosts, thing }: Parameters<Fleet['history']>[0],
): Promise<readonly FleetRun[]> => {
  const means = isRunOf(thing);
  const byHost = new Map<string, Runs>();
  for await (const one of logs.read({ hosts, types: runTypes })) {
    const runs = byHost.get(one.host) ?? new Map();
    byHost.set(one.host, runs);
    addToRuns(runs, factIn(one), means);
  }
  return [...byHost]
    .flatMap(([host, runs]) => [...runs.values()].map((run) => ({ host, ...run })))
    .sort((a, b) => a.createdAt - b.createdAt);
};

async function* events(
  logs: FleetLogs,
  { hosts, namespace, filters, since = 0, until = Infinity, follow }: Parameters<Fleet['events']>[0],
  signal: AbortSignal,
): AsyncGenerator<FleetToldEvent> {
  // One for each host: a name may mean another container on another host.
  const wanted = new Map<string, EventPredicate>();
  const source = follow ? logs.follow({ hosts }, signal) : logs.read({ hosts });
  const passes = (host: string): EventPredicate => {
    const made = wanted.get(host) ?? eventFilter(filters, emptyWorld, namespace);
    if (isRejection(made)) throw made;
    wanted.set(host, made);
    return made;
  };
  passes('');
  for await (const one of source) {
    const { wall } = one.event.meta.time;
    const fact = factIn(one);
    if (!passes(one.host)(fact) || wall < since || wall > until) continue;
    yield { host: one.host, event: told(fact) };
  }
}
