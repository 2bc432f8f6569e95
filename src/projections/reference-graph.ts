import type { Subject } from '../domain/envelope.ts';
import type {
  Digest,
  IngestRef,
  Namespace,
  Position,
  SnapshotKey,
  SnapshotterName,
  Timestamp,
} from '../domain/identity.ts';
import { PersistentMap } from '../domain/persistent-map.ts';

/**
 * Who keeps whom. A node is a thing that exists, an edge says that one thing keeps another; edges may point at things
 * that are not here yet. Immutable; adding or dropping an edge costs the same however large the graph is.
 */

/** In what way one thing keeps another; the words that `why` prints. */
export type EdgeKind =
  | 'target'
  | 'config'
  | 'layer'
  | 'manifest'
  | 'unpacked'
  | 'parent'
  | 'root'
  | 'image'
  | 'lease'
  | 'label'
  /** The kept thing names its keeper itself. */
  | 'back';

export interface Edge {
  readonly from: Subject;
  readonly to: Subject;
  readonly kind: EdgeKind;
  /** Position of the event that made it. */
  readonly since: Position;
  /** Made by a label, so relabelling may take it away. */
  readonly byLabel: boolean;
  /** The active key that a lease holds, where `to` is what that key became when it was committed. */
  readonly via?: Subject;
  /** Keeps its target alone: nothing that the target refers to is kept by this. */
  readonly flat?: true;
}
export type NewEdge = Pick<Edge, 'to' | 'kind' | 'byLabel' | 'via' | 'flat'>;

/** What gc may take away. */
export type Collectable =
  | { readonly kind: 'blob'; readonly namespace: Namespace; readonly digest: Digest }
  | {
      readonly kind: 'snapshot';
      readonly namespace: Namespace;
      readonly snapshotter: SnapshotterName;
      readonly key: SnapshotKey;
    }
  | {
      readonly kind: 'ingest';
      readonly namespace: Namespace;
      readonly ref: IngestRef;
      readonly startedAt: Timestamp;
    };

export interface ReferenceNode {
  /** Absent for what only people remove: images, containers, leases. */
  readonly collectable?: Collectable;
  /** Kept for its own sake. */
  readonly root: boolean;
  /** Kept for its own sake up to this time. */
  readonly rootUntil?: Timestamp;
  /** Whether what it holds is held alone. */
  readonly flat?: true;
  /** Keepers that it names itself, whether they are here or not. */
  readonly back?: readonly Subject[];
  readonly out: PersistentMap<Edge>;
  /** Position of the event that took the latest of its lost references away. */
  readonly lost?: Position;
}
export type NewNode = Omit<ReferenceNode, 'out'>;

export interface ReferenceGraph {
  /** By subject. */
  readonly nodes: PersistentMap<ReferenceNode>;
  /** Edges by the subject they point at, whether that is here or not; never an empty map. */
  readonly incoming: PersistentMap<PersistentMap<Edge>>;
  /** The flat ones among edges, which are not in `incoming`. */
  readonly pins: PersistentMap<PersistentMap<Edge>>;
  /** By the subject of a keeper, the things that name it. */
  readonly named: PersistentMap<PersistentMap<Subject>>;
  /** Nodes, not roots, that nothing points at: garbage for certain. */
  readonly free: PersistentMap<Subject>;
  /**
   * Nodes whose only keepers may be things that they keep themselves (labels can make circles). Few, and checked again
   * when garbage is looked for.
   */
  readonly suspects: PersistentMap<Subject>;
}
export const emptyGraph: ReferenceGraph = {
  nodes: PersistentMap.empty(),
  incoming: PersistentMap.empty(),
  pins: PersistentMap.empty(),
  named: PersistentMap.empty(),
  free: PersistentMap.empty(),
  suspects: PersistentMap.empty(),
};

/** What follows from the rest of a graph. */
export type DerivedParts = 'incoming' | 'pins' | 'named';

/** A graph from all but who is kept by whom, which the keepers tell, and the named. */
export const graphOf = (rest: Omit<ReferenceGraph, DerivedParts>): ReferenceGraph => {
  const nodes = [...rest.nodes];
  const edges = nodes.flatMap(([, node]) => [...node.out.values()]);
  const byTarget = (some: readonly Edge[]) =>
    grouped(some.map((edge) => [edge.to, inKey(edge), edge] as const));
  return {
    ...rest,
    incoming: byTarget(edges.filter(({ flat }) => !flat)),
    pins: byTarget(edges.filter(({ flat }) => flat)),
    named: grouped(
      nodes.flatMap(([bearer, { back = [] }]) =>
        back.map((keeper) => [keeper, bearer, bearer as Subject] as const),
      ),
    ),
  };
};

const grouped = <V>(
  rows: readonly (readonly [group: string, key: string, value: V])[],
): PersistentMap<PersistentMap<V>> => {
  const groups = new Map<string, (readonly [string, V])[]>();
  for (const [group, key, value] of rows) {
    const entries = groups.get(group);
    if (entries === undefined) groups.set(group, [[key, value]]);
    else entries.push([key, value]);
  }
  return PersistentMap.from([...groups].map(([group, entries]) => [group, PersistentMap.from(entries)]));
};

const outKey = ({ kind, to, via }: NewEdge) => `${kind} ${to} ${via ?? ''}`;
const inKey = ({ kind, from, via }: Edge) => `${kind} ${from} ${via ?? ''}`;

export const keepersOf = (graph: ReferenceGraph, subject: Subject): Iterable<Edge> =>
  graph.incoming.get(subject)?.values() ?? [];

/** Those that hold a thing alone. */
export const pinsOf = (graph: ReferenceGraph, subject: Subject): Iterable<Edge> =>
  graph.pins.get(subject)?.values() ?? [];

/** How many keepers an event looks at before it leaves the question to the next collection. */
const LOOK_BACK = 32;

const keptForEver = (node: ReferenceNode): boolean => node.root;

/**
 * Walks back over keepers, depth first, until a root is met.
 * @param most nodes to look at before giving up
 * @param isRoot what counts as one
 * @returns the nodes on the way to the root, or all that were seen where there is none among them
 */
export const searchRoot = (
  graph: ReferenceGraph,
  start: Subject,
  most = Number.POSITIVE_INFINITY,
  isRoot: (node: ReferenceNode) => boolean = keptForEver,
): { readonly found: boolean; readonly nodes: readonly Subject[] } => {
  const seen = new Set<Subject>([start]);
  const way = [{ subject: start, keepers: keepersOf(graph, start)[Symbol.iterator]() }];
  const meetsRoot = (subject: Subject): boolean => {
    const node = graph.nodes.get(subject);
    return node !== undefined && isRoot(node);
  };
  if (meetsRoot(start)) return { found: true, nodes: [start] };
  for (let last = way.at(-1); last !== undefined; last = way.at(-1)) {
    const next = last.keepers.next();
    if (next.done) {
      way.pop();
      continue;
    }
    const { from } = next.value;
    if (seen.has(from)) continue;
    if (meetsRoot(from)) return { found: true, nodes: way.map(({ subject }) => subject) };
    if (seen.size >= most) break;
    seen.add(from);
    way.push({ subject: from, keepers: keepersOf(graph, from)[Symbol.iterator]() });
  }
  return { found: false, nodes: [...seen] };
};

/** Sorts a node in again after something about it or its keepers changed. */
const settle = (graph: ReferenceGraph, subject: Subject): ReferenceGraph => {
  const node = graph.nodes.get(subject);
  const collectable = node !== undefined && !node.root;
  const free = collectable && !graph.incoming.has(subject);
  const suspect = collectable && !free && node.out.size > 0 && !searchRoot(graph, subject, LOOK_BACK).found;
  return {
    ...graph,
    free: free ? graph.free.set(subject, subject) : graph.free.delete(subject),
    suspects: suspect ? graph.suspects.set(subject, subject) : graph.suspects.delete(subject),
  };
};

/** The later of two positions. */
export const later = (a: Position | undefined, b: Position | undefined): Position | undefined =>
  a === undefined || (b !== undefined && b > a) ? b : a;

const withLost = (node: ReferenceNode, lost: Position | undefined): ReferenceNode =>
  lost === undefined ? node : { ...node, lost };

/** Takes an edge from its target; the source's own list is the caller's. */
const unpoint = (graph: ReferenceGraph, edge: Edge, at: Position | undefined): ReferenceGraph => {
  const list = listOf(edge);
  const rest = graph[list].get(edge.to)?.delete(inKey(edge));
  const node = graph.nodes.get(edge.to);
  const next: ReferenceGraph = {
    ...graph,
    [list]:
      rest === undefined || rest.size === 0 ? graph[list].delete(edge.to) : graph[list].set(edge.to, rest),
    nodes: node ? graph.nodes.set(edge.to, withLost(node, later(node.lost, at))) : graph.nodes,
  };
  return settle(next, edge.to);
};

const listOf = ({ flat }: Edge) => (flat ? 'pins' : 'incoming');

/** Adds an edge to a node that is here; nothing changes where it is there already. */
export const connect = (
  graph: ReferenceGraph,
  from: Subject,
  made: NewEdge,
  since: Position,
): ReferenceGraph => {
  const node = graph.nodes.get(from);
  if (!node || node.out.has(outKey(made))) return graph;
  const edge: Edge = { ...made, from, since };
  const list = listOf(edge);
  const keepers = graph[list].get(edge.to) ?? PersistentMap.empty<Edge>();
  const next: ReferenceGraph = {
    ...graph,
    nodes: graph.nodes.set(from, { ...node, out: node.out.set(outKey(edge), edge) }),
    [list]: graph[list].set(edge.to, keepers.set(inKey(edge), edge)),
  };
  return settle(next, edge.to);
};

/** @param at position of the event that takes it away, to be told as what freed the target */
export const disconnect = (graph: ReferenceGraph, edge: Edge, at: Position | undefined): ReferenceGraph => {
  const node = graph.nodes.get(edge.from);
  if (!node?.out.has(outKey(edge))) return graph;
  const nodes = graph.nodes.set(edge.from, { ...node, out: node.out.delete(outKey(edge)) });
  return unpoint({ ...graph, nodes }, edge, at);
};

/** The edge by which a thing is kept by a keeper that it names. */
export const backEdge = (graph: ReferenceGraph, keeper: Subject, bearer: Subject): Edge | undefined =>
  graph.nodes.get(keeper)?.out.get(outKey(backTo(bearer)));
export const backTo = (bearer: Subject): NewEdge => ({ to: bearer, kind: 'back', byLabel: false });

/**
 * Makes a node, or changes what it is and keeps. Edges that stay keep the position that made them.
 * @param which of the edges that are there now `edges` replaces
 */
export const put = (
  graph: ReferenceGraph,
  subject: Subject,
  made: NewNode,
  edges: readonly NewEdge[],
  at: Position,
  which: (edge: Edge) => boolean = () => true,
): ReferenceGraph => {
  const old = graph.nodes.get(subject);
  const lost = old?.root && !made.root ? at : later(old?.lost, made.lost);
  const node = withLost({ ...made, out: old?.out ?? PersistentMap.empty() }, lost);
  let next: ReferenceGraph = { ...graph, nodes: graph.nodes.set(subject, node) };
  const wanted = new Set(edges.map(outKey));
  for (const edge of node.out.values()) {
    if (edge.kind !== 'back' && which(edge) && !wanted.has(outKey(edge))) next = disconnect(next, edge, at);
  }
  for (const edge of edges) next = connect(next, subject, edge, at);
  return settle(next, subject);
};

/** Takes a node away and with it all that it keeps others by. Edges to it stay, for it may come back. */
export const remove = (graph: ReferenceGraph, subject: Subject, at: Position | undefined): ReferenceGraph => {
  const node = graph.nodes.get(subject);
  if (!node) return graph;
  let next = settle({ ...graph, nodes: graph.nodes.delete(subject) }, subject);
  for (const edge of node.out.values()) next = unpoint(next, edge, at);
  return next;
};
