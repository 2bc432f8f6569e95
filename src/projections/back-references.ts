import type { Subject } from '../domain/envelope.ts';
import type { Position } from '../domain/identity.ts';
import { PersistentMap } from '../domain/persistent-map.ts';
import {
  backEdge,
  backTo,
  connect,
  disconnect,
  type Edge,
  type NewEdge,
  type NewNode,
  put,
  type ReferenceGraph,
  remove,
} from './reference-graph.ts';

// Things that name their own keepers. A keeper need not be here yet, and its own changes don't touch what names it.

/** As {@link put}, and has it kept by the keepers it names, and keep what names it. */
export const place = (
  graph: ReferenceGraph,
  subject: Subject,
  made: NewNode,
  edges: readonly NewEdge[],
  at: Position,
  which?: (edge: Edge) => boolean,
): ReferenceGraph => {
  const before = graph.nodes.get(subject);
  const next = name(put(graph, subject, made, edges, at, which), subject, before?.back, made.back, at);
  if (before !== undefined) return next;
  const bearers = [...(next.named.get(subject)?.values() ?? [])];
  return bearers.reduce((state, bearer) => connect(state, subject, backTo(bearer), at), next);
};

/** As {@link remove}, and takes back what it says of its keepers. */
export const drop = (graph: ReferenceGraph, subject: Subject, at: Position | undefined): ReferenceGraph =>
  remove(name(graph, subject, graph.nodes.get(subject)?.back, [], at), subject, at);

const name = (
  graph: ReferenceGraph,
  bearer: Subject,
  before: readonly Subject[] = [],
  after: readonly Subject[] = [],
  at: Position | undefined,
): ReferenceGraph => {
  let next = graph;
  for (const keeper of before) {
    if (after.includes(keeper)) continue;
    const rest = next.named.get(keeper)?.delete(bearer) ?? PersistentMap.empty<Subject>();
    next = { ...next, named: rest.size === 0 ? next.named.delete(keeper) : next.named.set(keeper, rest) };
    const edge = backEdge(next, keeper, bearer);
    if (edge) next = disconnect(next, edge, at);
  }
  for (const keeper of after) {
    if (before.includes(keeper) || at === undefined) continue;
    const bearers = next.named.get(keeper) ?? PersistentMap.empty<Subject>();
    next = { ...next, named: next.named.set(keeper, bearers.set(bearer, bearer)) };
    next = connect(next, keeper, backTo(bearer), at);
  }
  return next;
};
