import { mostCollected } from '../domain/content.ts';
import type { Subject } from '../domain/envelope.ts';
import type { Namespace, Position, Timestamp } from '../domain/identity.ts';
import type { Command } from '../domain/world.ts';
import {
  type Collectable,
  disconnect,
  keepersOf,
  later,
  type ReferenceGraph,
  type ReferenceNode,
  remove,
  searchRoot,
} from './reference-graph.ts';

/** A thing that nothing keeps, and the event that took its last keeper away, where it ever had one. */
export type Garbage = Collectable & { readonly freedBy?: Position };

export interface CollectOptions {
  /** Stop at so many, or at what has cost so much. */
  readonly limit?: number;
  /** What removing one costs; 1 when absent. */
  readonly costOf?: (found: Garbage) => number;
  /** Also give up writes of content that began before this and that no lease holds; none when absent. */
  readonly ingestsBefore?: Timestamp;
  /** What is kept for its own sake up to a time is free from then on; the beginning of time when absent. */
  readonly now?: Timestamp;
}

const isRootAt =
  (now: Timestamp) =>
  ({ root, rootUntil }: ReferenceNode): boolean =>
    root || (rootUntil !== undefined && rootUntil > now);

const garbageOf = (
  graph: ReferenceGraph,
  subject: Subject,
  { ingestsBefore = 0 as Timestamp, now = 0 as Timestamp }: CollectOptions,
  cutOffBy: Position | undefined,
): Garbage | undefined => {
  const node = graph.nodes.get(subject);
  const thing = node?.collectable;
  if (!thing || isRootAt(now)(node)) return undefined;
  if (thing.kind === 'ingest' && thing.startedAt >= ingestsBefore) return undefined;
  const freedBy = later(node.lost, cutOffBy);
  if (freedBy === undefined) return thing;
  if (thing.kind !== 'blob') return { ...thing, freedBy };
  // A whole literal for what most are.
  const { kind, namespace, digest } = thing;
  return { kind, namespace, digest, freedBy };
};

/** A thing that is only held alone stays, but keeps nothing: the graph without what it keeps others by. */
const cutOff = (graph: ReferenceGraph, subject: Subject, at: Position | undefined): ReferenceGraph => {
  const edges = graph.nodes.get(subject)?.out.values() ?? [];
  const cut = [...edges].reduce((rest, edge) => disconnect(rest, edge, at), graph);
  return { ...cut, suspects: cut.suspects.delete(subject) };
};

/** By subject, the event that cut it off from the last root. */
type Circle = ReadonlyMap<Subject, Position | undefined>;

/** Things that keep only one another: everything seen on the way back from a suspect that meets no root. */
const circles = (graph: ReferenceGraph, isRoot: (node: ReferenceNode) => boolean): Circle => {
  const live = new Set<Subject>();
  const dead = new Map<Subject, Position | undefined>();
  for (const suspect of graph.suspects.values()) {
    if (live.has(suspect) || dead.has(suspect)) continue;
    const { found, nodes } = searchRoot(graph, suspect, Number.POSITIVE_INFINITY, isRoot);
    if (found) {
      for (const node of nodes) live.add(node);
      continue;
    }
    const lost = nodes.map((node) => graph.nodes.get(node)?.lost).reduce(later, undefined);
    for (const node of nodes) dead.set(node, lost);
  }
  return dead;
};

/** Snapshots before the ones they are built on; the rest of a circle may go in any order. */
const childrenFirst = (graph: ReferenceGraph, dead: Circle): readonly Subject[] => {
  const order: Subject[] = [];
  const waiting = new Map<Subject, number>();
  for (const subject of dead.keys()) {
    const children = [...keepersOf(graph, subject)].filter(({ kind }) => kind === 'parent').length;
    if (children === 0) order.push(subject);
    else waiting.set(subject, children);
  }
  for (const subject of order) {
    for (const { kind, to } of graph.nodes.get(subject)?.out.values() ?? []) {
      const left = waiting.get(to);
      if (kind !== 'parent' || left === undefined) continue;
      if (left === 1) order.push(to);
      waiting.set(to, left - 1);
    }
  }
  return order;
};

/**
 * What can be removed now, in an order in which it can be removed: no snapshot before its children, nothing before what
 * still names it (but for circles). Costs what the garbage costs, not what the store holds.
 */
export const collectable = (graph: ReferenceGraph, options: CollectOptions = {}): readonly Garbage[] => {
  const { limit = Number.POSITIVE_INFINITY, costOf = () => 1, now = 0 as Timestamp } = options;
  const garbage: Garbage[] = [];
  let cost = 0;
  let rest = graph;
  let circle: Circle = new Map();
  let queue: Subject[] = [];
  /**
   * @param once whether nothing asks for it again
   * @returns whether there is room for more
   */
  const take = (subject: Subject, once = false): boolean => {
    const found = garbageOf(rest, subject, options, circle.get(subject));
    if (!found) return true;
    const kept = rest.nodes.get(subject)?.out;
    if (rest.pins.has(subject)) {
      rest = cutOff(rest, subject, found.freedBy);
    } else {
      if (cost >= limit) return false;
      cost += costOf(found);
      garbage.push(found);
      // Most keep nothing: without them nothing else is any other than before.
      if (once && kept?.size === 0) return true;
      rest = remove(rest, subject, found.freedBy);
    }
    for (const { to } of kept?.values() ?? []) if (rest.free.has(to)) queue.push(to);
    return true;
  };
  // As it was found: a store may hold much garbage, of which one run in slices takes a little each time.
  for (const subject of graph.free.values()) if (!take(subject, true)) return garbage;
  do {
    for (const subject of queue) if (!take(subject)) return garbage;
    circle = circles(rest, isRootAt(now));
    queue = [...childrenFirst(rest, circle)];
  } while (queue.length > 0);
  return garbage;
};

type FreeBlob = Extract<Garbage, { kind: 'blob' }>;

/** So many blobs of a namespace get an event each, which is plainest to read; more of them share events. */
const fewBlobs = 8;

/** Blobs that go together, by their namespace. */
const crowds = (garbage: readonly Garbage[]): ReadonlyMap<Namespace, readonly FreeBlob[]> => {
  const blobs = new Map<Namespace, FreeBlob[]>();
  for (const found of garbage) {
    if (found.kind !== 'blob') continue;
    const others = blobs.get(found.namespace);
    if (others === undefined) blobs.set(found.namespace, [found]);
    else others.push(found);
  }
  for (const [namespace, some] of blobs) if (some.length <= fewBlobs) blobs.delete(namespace);
  return blobs;
};

const collections = (namespace: Namespace, blobs: readonly FreeBlob[]): readonly Command[] => {
  const commands: Command[] = [];
  for (let at = 0; at < blobs.length; at += mostCollected) {
    const some = blobs.slice(at, at + mostCollected).map(({ digest, freedBy }) =>
      // Whole literals, since there are thousands.
      freedBy === undefined ? { digest } : { digest, freedBy: String(freedBy) },
    );
    commands.push({ type: 'collect-blobs', namespace, blobs: some });
  }
  return commands;
};

const removal = (found: Garbage): Command => {
  const { freedBy } = found;
  const cause =
    freedBy === undefined ? { by: 'gc' as const } : { by: 'gc' as const, freedBy: String(freedBy) };
  switch (found.kind) {
    case 'blob':
      return { type: 'remove-blob', namespace: found.namespace, digest: found.digest, cause };
    case 'snapshot': {
      const { namespace, snapshotter, key } = found;
      return { type: 'remove-snapshot', namespace, snapshotter, key, cause };
    }
    case 'ingest':
      return { type: 'abort-ingest', namespace: found.namespace, ref: found.ref, cause };
    default:
      return found satisfies never;
  }
};

/**
 * The commands that remove garbage, each with what freed it; many blobs of a namespace go by one, for which it does not
 * matter what goes before them. They hold only in the world that the garbage was found in: decide them before any other
 * command changes it.
 */
export const removalCommands = (garbage: readonly Garbage[]): readonly Command[] => {
  const together = crowds(garbage);
  const rest = garbage.filter((found) => found.kind !== 'blob' || !together.has(found.namespace));
  return [
    ...[...together].flatMap(([namespace, blobs]) => collections(namespace, blobs)),
    ...rest.map(removal),
  ];
};
