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
import { lateMap, PersistentMap } from '../domain/persistent-map.ts';

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

/**
 * A graph from all but who is kept by whom, which the keepers tell, and the named. That is worked out when it is first
 * asked for: a start need not wait for it.
 */
export const graphOf = (rest: Omit<ReferenceGraph, DerivedParts>): ReferenceGraph => {
  let derived: Pick<ReferenceGraph, DerivedParts> | undefined;
  const parts = () => {
    derived ??= derivedFrom(rest.nodes);
    return derived;
  };
  return {
    ...rest,
    incoming: lateMap(() => parts().incoming),
    pins: lateMap(() => parts().pins),
    named: lateMap(() => parts().named),
  };
};

const derivedFrom = (all: ReferenceGraph['nodes']): Pick<ReferenceGraph, DerivedParts> => {
  const nodes = [...all];
  const edges = nodes.flatMap(([, node]) => [...node.out.values()]);
  const byTarget = (some: readonly Edge[]) =>
    grouped(some.map((edge) => [edge.to, inKey(edge), edge] as const));
  return {
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

// Whole literals for what most are: a replay makes millions, and spreads of all kinds of shapes take microseconds.
const edgeOf = (made: NewEdge, from: Subject, since: Position): Edge => {
  const { to, kind, byLabel, via, flat } = made;
  return via === undefined && flat === undefined
    ? { to, kind, byLabel, from, since }
    : { ...made, from, since };
};

const nodeOf = (made: NewNode, out: ReferenceNode['out'], lost: Position | undefined): ReferenceNode => {
  const { collectable, root, rootUntil, flat, back } = made;
  if (rootUntil !== undefined || flat !== undefined || back !== undefined) {
    return { ...made, out, ...(lost === undefined ? {} : { lost }) };
  }
  if (collectable === undefined) return lost === undefined ? { root, out } : { root, out, lost };
  return lost === undefined ? { collectable, root, out } : { collectable, root, out, lost };
};

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

/** A graph in the making, which nobody else has yet: one copy for each event, since a replay makes millions. */
type Draft = { -readonly [K in keyof ReferenceGraph]: ReferenceGraph[K] };

/** Whether the keeper that {@link searchRoot} would look at first is a root: it mostly is, and this is all it takes. */
const firstKeepsForEver = (graph: ReferenceGraph, subject: Subject): boolean => {
  for (const { from } of keepersOf(graph, subject)) return graph.nodes.get(from)?.root === true;
  return false;
};

/** Sorts a node in again after something about it changed, or it lost a keeper. */
const settle = (draft: Draft, subject: Subject): void => {
  const node = draft.nodes.get(subject);
  const collectable = node !== undefined && !node.root;
  const free = collectable && !draft.incoming.has(subject);
  const suspect =
    collectable &&
    !free &&
    node.out.size > 0 &&
    !firstKeepsForEver(draft, subject) &&
    !searchRoot(draft, subject, LOOK_BACK).found;
  draft.free = free ? draft.free.set(subject, subject) : draft.free.delete(subject);
  draft.suspects = suspect ? draft.suspects.set(subject, subject) : draft.suspects.delete(subject);
};

/** The later of two positions. */
export const later = (a: Position | undefined, b: Position | undefined): Position | undefined =>
  a === undefined || (b !== undefined && b > a) ? b : a;

const listOf = ({ flat }: Edge) => (flat ? 'pins' : 'incoming');
const noEdges = PersistentMap.empty<Edge>();

/** Gives an edge to its target; the source's own list is the caller's. */
const point = (draft: Draft, edge: Edge): void => {
  const { to } = edge;
  const list = listOf(edge);
  draft[list] = draft[list].set(to, (draft[list].get(to) ?? noEdges).set(inKey(edge), edge));
  // One more keeper makes nothing free, and nothing a suspect that was none.
  if (draft.free.has(to) || draft.suspects.has(to)) settle(draft, to);
};

/** Takes an edge from its target; the source's own list is the caller's. */
const unpoint = (draft: Draft, edge: Edge, at: Position | undefined): void => {
  const { to } = edge;
  const list = listOf(edge);
  const rest = draft[list].get(to)?.delete(inKey(edge)) ?? noEdges;
  draft[list] = rest.size === 0 ? draft[list].delete(to) : draft[list].set(to, rest);
  const node = draft.nodes.get(to);
  if (node === undefined) return;
  const lost = later(node.lost, at);
  if (lost !== node.lost) draft.nodes = draft.nodes.set(to, nodeOf(node, node.out, lost));
  settle(draft, to);
};

/** Adds an edge to a node that is here; nothing changes where it is there already. */
export const connect = (
  graph: ReferenceGraph,
  from: Subject,
  made: NewEdge,
  since: Position,
): ReferenceGraph => {
  const node = graph.nodes.get(from);
  const key = outKey(made);
  if (!node || node.out.has(key)) return graph;
  const edge = edgeOf(made, from, since);
  const draft: Draft = { ...graph };
  draft.nodes = graph.nodes.set(from, nodeOf(node, node.out.set(key, edge), node.lost));
  point(draft, edge);
  return draft;
};

/** @param at position of the event that takes it away, to be told as what freed the target */
export const disconnect = (graph: ReferenceGraph, edge: Edge, at: Position | undefined): ReferenceGraph => {
  const node = graph.nodes.get(edge.from);
  const out = node?.out.delete(outKey(edge));
  if (node === undefined || out === undefined || out === node.out) return graph;
  const draft: Draft = { ...graph };
  draft.nodes = graph.nodes.set(edge.from, nodeOf(node, out, node.lost));
  unpoint(draft, edge, at);
  return draft;
};

/** Says of a node that an event took from it what kept it. */
export const lose = (graph: ReferenceGraph, subject: Subject, at: Position): ReferenceGraph => {
  const node = graph.nodes.get(subject);
  return node === undefined
    ? graph
    : { ...graph, nodes: graph.nodes.set(subject, nodeOf(node, node.out, later(node.lost, at))) };
};

/** The edge by which a thing is kept by a keeper that it names. */
export const backEdge = (graph: ReferenceGraph, keeper: Subject, bearer: Subject): Edge | undefined =>
  graph.nodes.get(keeper)?.out.get(outKey(backTo(bearer)));
export const backTo = (bearer: Subject): NewEdge => ({ to: bearer, kind: 'back', byLabel: false });

/** Whether a change takes from a node what kept it for its own sake, or some of the time that it was kept for. */
export const standsLess = (old: ReferenceNode | undefined, made: NewNode): boolean => {
  if (old === undefined || made.root) return false;
  if (old.root) return true;
  return old.rootUntil !== undefined && (made.rootUntil ?? 0) < old.rootUntil;
};

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
  const draft: Draft = { ...graph };
  const old = graph.nodes.get(subject);
  const lost = standsLess(old, made) ? at : later(old?.lost, made.lost);
  const keys = edges.map(outKey);
  const taken: Edge[] = [];
  const given: Edge[] = [];
  let out = old?.out ?? noEdges;
  for (const [key, edge] of out) {
    if (edge.kind === 'back' || !which(edge) || keys.includes(key)) continue;
    taken.push(edge);
    out = out.delete(key);
  }
  for (const [index, made] of edges.entries()) {
    const key = keys[index] ?? '';
    if (out.has(key)) continue;
    const edge = edgeOf(made, subject, at);
    given.push(edge);
    out = out.set(key, edge);
  }
  draft.nodes = graph.nodes.set(subject, nodeOf(made, out, lost));
  for (const edge of taken) unpoint(draft, edge, at);
  for (const edge of given) point(draft, edge);
  settle(draft, subject);
  return draft;
};

/** Takes nodes away that keep nothing; what they are kept by stays. */
export const removeBare = (graph: ReferenceGraph, subjects: readonly Subject[]): ReferenceGraph => {
  const gone = new Map(subjects.map((subject) => [subject, undefined] as const));
  const { nodes, free, suspects } = graph;
  return { ...graph, nodes: nodes.with(gone), free: free.with(gone), suspects: suspects.with(gone) };
};

/** Takes a node away and with it all that it keeps others by. Edges to it stay, for it may come back. */
export const remove = (graph: ReferenceGraph, subject: Subject, at: Position | undefined): ReferenceGraph => {
  const node = graph.nodes.get(subject);
  if (!node) return graph;
  const draft: Draft = { ...graph };
  draft.nodes = graph.nodes.delete(subject);
  draft.free = graph.free.delete(subject);
  draft.suspects = graph.suspects.delete(subject);
  for (const edge of node.out.values()) unpoint(draft, edge, at);
  return draft;
};
