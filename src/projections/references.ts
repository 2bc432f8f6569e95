import { containerSubject } from '../domain/containers.ts';
import { blobSubject, ingestSubject } from '../domain/content.ts';
import type { Subject } from '../domain/envelope.ts';
import type { Fact } from '../domain/event.ts';
import {
  type Digest,
  type IngestRef,
  type Labels,
  type Namespace,
  type Position,
  SnapshotKey,
  SnapshotterName,
} from '../domain/identity.ts';
import { imageSubject } from '../domain/images.ts';
import { gcLabels } from '../domain/labels.ts';
import type { LeasedResource } from '../domain/leases.ts';
import type { RemovalCause } from '../domain/removal.ts';
import { type SnapshotRef, snapshotSubject } from '../domain/snapshots.ts';
import { type DomainEvent, subjectOf } from '../domain/world.ts';
import { place as put, drop as remove } from './back-references.ts';
import {
  type Collectable,
  connect,
  disconnect,
  type Edge,
  type EdgeKind,
  emptyGraph,
  keepersOf,
  lose,
  type NewEdge,
  type NewNode,
  pinsOf,
  type ReferenceGraph,
  removeBare,
  standsLess,
} from './reference-graph.ts';
import { isNamed, standingOf } from './standing.ts';

/**
 * What keeps what, as a fold of the log: an event costs what the edges cost that it makes or takes.
 *
 *   image ─target→ blob ─config, layer, manifest→ blob ─unpacked→ snapshot ─parent→ snapshot
 *   container ─root→ snapshot      container ─image→ blob      lease ─lease→ anything
 *
 * Roots are images, containers, leases and whatever bears the gc.root label, or gc.expire with a time to come. References
 * stay within a namespace.
 */
export type References = ReferenceGraph;
export const noReferences: References = emptyGraph;

const contentKind = (suffix: string): EdgeKind => {
  if (suffix === '.config') return 'config';
  if (suffix.startsWith('.l.')) return 'layer';
  if (suffix.startsWith('.m.')) return 'manifest';
  return 'label';
};

const labelEdge = (namespace: Namespace, name: string, value: string, bearer: 'blob' | 'other') => {
  if (name.startsWith(gcLabels.content)) {
    if (!isNamed(name, gcLabels.content)) return undefined;
    const kind = contentKind(name.slice(gcLabels.content.length));
    return { to: blobSubject(namespace, value as Digest), kind, byLabel: true } as const;
  }
  if (name.startsWith(gcLabels.snapshot)) {
    const snapshotter = name.slice(gcLabels.snapshot.length).split('/', 1)[0];
    if (!snapshotter) return undefined;
    const to = snapshotSubject({
      namespace,
      snapshotter: snapshotter as SnapshotterName,
      key: value as SnapshotKey,
    });
    return { to, kind: bearer === 'blob' ? 'unpacked' : 'label', byLabel: true } as const;
  }
  return undefined;
};

const labelEdges = (namespace: Namespace, labels: Labels, bearer: 'blob' | 'other'): readonly NewEdge[] => {
  const edges: NewEdge[] = [];
  for (const name in labels) {
    const edge = labelEdge(namespace, name, labels[name] ?? '', bearer);
    if (edge !== undefined) edges.push(edge);
  }
  return edges;
};

const byLabel = (edge: Edge): boolean => edge.byLabel;

const parentEdges = (at: SnapshotRef, parent: SnapshotKey | undefined): readonly NewEdge[] =>
  parent === undefined
    ? []
    : [{ to: snapshotSubject({ ...at, key: parent }), kind: 'parent', byLabel: false }];

/** The subject of what a lease holds; resources name things in the lease's namespace. */
export const leasedSubject = (namespace: Namespace, { type, id }: LeasedResource): Subject => {
  if (type === 'content') return blobSubject(namespace, id as Digest);
  if (type === 'ingests') return ingestSubject(namespace, id as IngestRef);
  const snapshotter = type.slice('snapshots/'.length) as SnapshotterName;
  return snapshotSubject({ namespace, snapshotter, key: id as SnapshotKey });
};

/** What freed the things that a removed one kept: the event that freed it, where gc removed it. */
const freeing = (cause: RemovalCause, at: Position): Position | undefined => {
  if (cause.by !== 'gc') return at;
  return cause.freedBy === undefined ? undefined : (BigInt(cause.freedBy) as Position);
};

type EventOf<T extends DomainEvent['type']> = Fact<Extract<DomainEvent, { type: T }>>;

const putImage = (state: References, event: EventOf<'image-created' | 'image-updated'>): References => {
  const { namespace, target, labels } = event.data;
  const edges: readonly NewEdge[] = [
    { to: blobSubject(namespace, target.digest), kind: 'target', byLabel: false },
    ...labelEdges(namespace, labels, 'other'),
  ];
  return put(state, subjectOf(event), { root: true }, edges, event.position);
};

const collectableNode = (collectable: Collectable, labels: Labels): NewNode => {
  const standing = standingOf(collectable.namespace, labels);
  // A whole literal for what most are, as for edges.
  if (standing.rootUntil !== undefined || standing.back !== undefined) return { collectable, ...standing };
  return { collectable, root: standing.root };
};

const putBlob = (state: References, event: EventOf<'blob-committed' | 'blob-labelled'>): References => {
  const { namespace, digest, labels } = event.data;
  const subject = blobSubject(namespace, digest);
  const node = collectableNode({ kind: 'blob', namespace, digest }, labels);
  return put(state, subject, node, labelEdges(namespace, labels, 'blob'), event.position);
};

const snapshotNode = ({ namespace, snapshotter, key }: SnapshotRef, labels: Labels): NewNode =>
  collectableNode({ kind: 'snapshot', namespace, snapshotter, key }, labels);

const prepared = (
  state: References,
  event: EventOf<'snapshot-prepared' | 'snapshot-adopted'>,
): References => {
  const { namespace, parent, labels } = event.data;
  const edges = [...parentEdges(event.data, parent), ...labelEdges(namespace, labels, 'other')];
  return put(state, subjectOf(event), snapshotNode(event.data, labels), edges, event.position);
};

/** The edges among some that have no counterpart among others, which go to or come from the same things. */
const without = (some: Iterable<Edge>, others: Iterable<Edge>, end: 'from' | 'to'): readonly Edge[] => {
  const there = new Set([...others].map((edge) => edge[end]));
  return [...some].filter((edge) => !there.has(edge[end]));
};

/**
 * A commit gives a snapshot another name. It keeps its parent, or is given one (layers are unpacked apart), and who leased its key leases what the key became; a
 * hold on the key itself stays as well, for the key may be used again. What else the key kept, or was kept by, is lost by it.
 */
const committed = (state: References, event: EventOf<'snapshot-committed'>): References => {
  const { namespace, name, parent, labels } = event.data;
  const key = snapshotSubject(event.data);
  const made = { ...event.data, key: name };
  const to = snapshotSubject(made);
  const old = state.nodes.get(key);
  const held = [...(old?.out.values() ?? [])];
  const keepers = [...keepersOf(state, key)];
  const node = snapshotNode(made, labels);
  const renamed = old?.lost === undefined ? node : { ...node, lost: old.lost };
  const edges = [...parentEdges(made, parent), ...labelEdges(namespace, labels, 'other')];
  let next = put(state, to, renamed, edges, event.position);
  for (const { since, ...edge } of held) {
    if (parent === undefined && edge.kind === 'parent') next = connect(next, to, edge, since);
  }
  for (const { from, kind } of keepers) {
    if (kind !== 'lease') continue;
    next = connect(next, from, { to, kind, byLabel: false, via: key }, event.position);
  }
  const kept = next.nodes.get(to)?.out.values() ?? [];
  for (const edge of without(held, kept, 'to')) next = disconnect(next, edge, event.position);
  const lessKept = standsLess(old, node) || without(keepers, keepersOf(next, to), 'from').length > 0;
  if (lessKept) next = lose(next, to, event.position);
  return remove(next, key, undefined);
};

const relabelled = (
  state: References,
  subject: Subject,
  labels: Labels,
  namespace: Namespace,
  at: Position,
): References => {
  const node = state.nodes.get(subject);
  if (!node) return state;
  const { collectable } = node;
  const made = collectable ? { collectable, ...standingOf(namespace, labels) } : { root: true };
  return put(state, subject, made, labelEdges(namespace, labels, 'other'), at, byLabel);
};

const leaseNode = (labels: Labels): NewNode =>
  labels[gcLabels.flat] === undefined ? { root: true } : { root: true, flat: true };

const letGo = (state: References, event: EventOf<'lease-resource-removed'>): References => {
  const { namespace, resource } = event.data;
  const held = leasedSubject(namespace, resource);
  const edges = [...(state.nodes.get(subjectOf(event))?.out.values() ?? [])];
  return edges
    .filter(({ to, via }) => (via === undefined ? to === held : via === held))
    .reduce((next, edge) => disconnect(next, edge, event.position), state);
};

const putContainer = (state: References, event: EventOf<'container-created'>): References => {
  const { namespace, image, snapshotter, snapshotKey, labels } = event.data;
  const snapshot = snapshotSubject({ namespace, snapshotter, key: snapshotKey });
  const images: readonly NewEdge[] = image
    ? [{ to: blobSubject(namespace, image.digest), kind: 'image', byLabel: false }]
    : [];
  const edges: readonly NewEdge[] = [
    { to: snapshot, kind: 'root', byLabel: false },
    ...images,
    ...labelEdges(namespace, labels, 'other'),
  ];
  return put(state, subjectOf(event), { root: true }, edges, event.position);
};

/** A client's container keeps its root, and what its labels say. */
const putClientContainer = (state: References, event: EventOf<'client-container-created'>): References => {
  const { namespace, labels } = event.data;
  const edges = [...clientRoot(event.data), ...labelEdges(namespace, labels, 'other')];
  return put(state, subjectOf(event), { root: true }, edges, event.position);
};

const changeClientContainer = (state: References, event: EventOf<'client-container-updated'>): References => {
  const { namespace, change } = event.data;
  const { labels, snapshotKey, snapshotter } = change;
  const next =
    labels === undefined ? state : relabelled(state, subjectOf(event), labels, namespace, event.position);
  if (snapshotKey === undefined || snapshotter === undefined || !next.nodes.has(subjectOf(event)))
    return next;
  const edges = clientRoot({ namespace, snapshotter, snapshotKey });
  return put(next, subjectOf(event), { root: true }, edges, event.position, ({ kind }) => kind === 'root');
};

const clientRoot = ({ namespace, snapshotter, snapshotKey }: ClientRoot): readonly NewEdge[] => {
  const name = SnapshotterName.safeParse(snapshotter);
  const key = SnapshotKey.safeParse(snapshotKey);
  if (!name.success || !key.success) return [];
  return [
    {
      to: snapshotSubject({ namespace, snapshotter: name.data, key: key.data }),
      kind: 'root',
      byLabel: false,
    },
  ];
};
type ClientRoot = Pick<
  EventOf<'client-container-created'>['data'],
  'namespace' | 'snapshotter' | 'snapshotKey'
>;

const commitIngest = (state: References, event: EventOf<'blob-committed'>): References => {
  const { namespace, ref } = event.data;
  return ref === undefined ? state : remove(state, ingestSubject(namespace, ref), event.position);
};

const collected = (state: References, { data, position }: EventOf<'blobs-collected'>): References => {
  const { namespace, blobs } = data;
  const bare: Subject[] = [];
  let next = state;
  for (const { digest, freedBy } of blobs) {
    const subject = blobSubject(namespace, digest);
    const node = next.nodes.get(subject);
    if (node?.out.size === 0 && node.back === undefined) bare.push(subject);
    else next = remove(next, subject, freeing({ by: 'gc', freedBy }, position));
  }
  return removeBare(next, bare);
};

/** The references after an event; events about other things change nothing. */
export const evolveReferences = (state: References, event: Fact<DomainEvent>): References => {
  const { position } = event;
  switch (event.type) {
    case 'image-created':
    case 'image-updated':
      return putImage(state, event);
    case 'image-removed':
      return remove(state, imageSubject(event.data.namespace, event.data.name), position);
    case 'ingest-started': {
      const { namespace, ref } = event.data;
      const startedAt = event.meta.time.wall;
      const node = { collectable: { kind: 'ingest', namespace, ref, startedAt }, root: false } as const;
      return put(state, ingestSubject(namespace, ref), node, [], position);
    }
    case 'ingest-aborted':
      return remove(state, ingestSubject(event.data.namespace, event.data.ref), position);
    case 'blob-committed':
      return putBlob(commitIngest(state, event), event);
    case 'blob-labelled':
      return state.nodes.has(subjectOf(event)) ? putBlob(state, event) : state;
    case 'blobs-collected':
      return collected(state, event);
    case 'blob-removed':
    case 'snapshot-removed':
      return remove(state, subjectOf(event), freeing(event.data.cause, position));
    case 'snapshot-prepared':
    case 'snapshot-adopted':
      return prepared(state, event);
    case 'snapshot-committed':
      return committed(state, event);
    case 'snapshot-labelled':
    case 'container-labelled':
      return relabelled(state, subjectOf(event), event.data.labels, event.data.namespace, position);
    case 'lease-created':
      return put(state, subjectOf(event), leaseNode(event.data.labels), [], position);
    case 'lease-resource-added': {
      const { namespace, resource } = event.data;
      const to = leasedSubject(namespace, resource);
      const flat = resource.type === 'content' && state.nodes.get(subjectOf(event))?.flat;
      const edge = { to, kind: 'lease', byLabel: false } as const;
      return connect(state, subjectOf(event), flat ? { ...edge, flat } : edge, position);
    }
    case 'lease-resource-removed':
      return letGo(state, event);
    case 'lease-deleted':
      return remove(state, subjectOf(event), position);
    case 'container-created':
      return putContainer(state, event);
    case 'client-container-created':
      return putClientContainer(state, event);
    case 'client-container-updated':
      return changeClientContainer(state, event);
    case 'container-removed':
      return remove(state, containerSubject(event.data.namespace, event.data.id), position);
    default:
      return state;
  }
};

/**
 * The shortest way from something that is kept for its own sake down to a thing.
 * @returns no edges where the thing itself is a root; undefined where nothing keeps it, or it is not here
 */
export const pathFromRoot = (state: References, subject: Subject): readonly Edge[] | undefined => {
  const node = state.nodes.get(subject);
  if (!node) return undefined;
  if (node.root || node.rootUntil !== undefined) return [];
  const next = new Map<Subject, Edge>();
  const trace = (edge: Edge): readonly Edge[] => {
    const path = [edge];
    for (let at = next.get(edge.to); at !== undefined; at = next.get(at.to)) path.push(at);
    return path;
  };
  const queue: Subject[] = [subject];
  for (const at of queue) {
    const pins = at === subject ? pinsOf(state, at) : [];
    for (const edge of [...keepersOf(state, at), ...pins]) {
      if (edge.from === subject || next.has(edge.from)) continue;
      const from = state.nodes.get(edge.from);
      if (from?.root || from?.rootUntil !== undefined) return trace(edge);
      next.set(edge.from, edge);
      queue.push(edge.from);
    }
  }
  return undefined;
};
