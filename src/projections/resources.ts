import type { Blob } from '../domain/content.ts';
import type { Labels, Namespace } from '../domain/identity.ts';
import type { Lease } from '../domain/leases.ts';
import type { PersistentMap } from '../domain/persistent-map.ts';
import { Rejection } from '../domain/rejection.ts';
import type { Snapshot } from '../domain/snapshots.ts';
import type { World } from '../domain/world.ts';
import { type FilterTable, type FilterTest, parseFilters } from './filters.ts';
import { startsDigest } from './images.ts';

/** A namespace, with how much lives in it. */
export interface NamespaceView {
  readonly namespace: Namespace;
  readonly labels: Labels;
  readonly containers: number;
  readonly images: number;
  readonly snapshots: number;
  readonly blobs: number;
  readonly leases: number;
}

/** Labels as filters: `label=key` or `label=key=value`; several must all hold. */
const label: FilterTest<{ readonly labels: Labels }> = (value) => {
  const equals = value.indexOf('=');
  if (equals < 0) return ({ labels }) => Object.hasOwn(labels, value);
  return ({ labels }) => labels[value.slice(0, equals)] === value.slice(equals + 1);
};

const kinds: readonly Snapshot['kind'][] = ['active', 'view', 'committed'];

const snapshotTable: FilterTable<Snapshot> = {
  kind: (value) => {
    const kind = kinds.find((one) => one === value);
    if (kind) return (snapshot) => snapshot.kind === kind;
    return new Rejection('invalid-argument', `kind '${value}' is none of ${kinds.join(', ')}`);
  },
  key: (value) => (snapshot) => snapshot.key === value || startsDigest(value, snapshot.key),
  parent: (value) => (snapshot) => snapshot.parent === value || startsDigest(value, snapshot.parent),
  snapshotter: (value) => (snapshot) => snapshot.snapshotter === value,
  label,
};
const contentTable: FilterTable<Blob> = {
  digest: (value) => (blob) => startsDigest(value, blob.digest),
  label,
};
const leaseTable: FilterTable<Lease> = { id: (value) => (lease) => lease.id === value, label };
const namespaceTable: FilterTable<NamespaceView> = {
  name: (value) => (view) => view.namespace === value,
  label,
};

const chosen = <T>(
  all: Iterable<T>,
  filters: readonly string[],
  table: FilterTable<T>,
  order: (a: T, b: T) => number,
): readonly T[] | Rejection => {
  const matches = parseFilters(filters, table, ['label']);
  return matches instanceof Rejection ? matches : [...all].filter(matches).sort(order);
};

const byText =
  <T>(text: (item: T) => string) =>
  (a: T, b: T): number =>
    text(a) < text(b) ? -1 : 1;

const within = <T extends { readonly namespace: Namespace }>(
  items: PersistentMap<T>,
  namespace: Namespace,
): readonly T[] => [...items.values()].filter((item) => item.namespace === namespace);

/** The snapshots of a namespace that match, by key; `invalid-argument` for a filter that makes no sense, as all here. */
export const listSnapshots = (world: World, namespace: Namespace, filters: readonly string[]) =>
  chosen(
    within(world.snapshot, namespace),
    filters,
    snapshotTable,
    byText(({ key, snapshotter }) => `${key} ${snapshotter}`),
  );

/** The blobs of a namespace that match, newest first. */
export const listBlobs = (world: World, namespace: Namespace, filters: readonly string[]) =>
  chosen(
    within(world.content.blobs, namespace),
    filters,
    contentTable,
    (a, b) => b.createdAt - a.createdAt || (a.digest < b.digest ? -1 : 1),
  );

/** The leases of a namespace that match, by id. */
export const listLeases = (world: World, namespace: Namespace, filters: readonly string[]) =>
  chosen(
    within(world.lease, namespace),
    filters,
    leaseTable,
    byText(({ id }) => id),
  );

const countsOf = (items: Iterable<{ readonly namespace: Namespace }>): ReadonlyMap<Namespace, number> => {
  const counts = new Map<Namespace, number>();
  for (const { namespace } of items) counts.set(namespace, (counts.get(namespace) ?? 0) + 1);
  return counts;
};

/** The names of all namespaces: of those with a record, and of those that only hold things. */
export const namespacesOf = (world: World): readonly Namespace[] =>
  [...new Set([...world.population.keys(), ...world.namespace.keys()])].sort() as Namespace[];

/** The namespaces that match, by name. */
export const listNamespaces = (world: World, filters: readonly string[]) => {
  const containers = countsOf(world.container.byId.values());
  const images = countsOf(world.image.values());
  const snapshots = countsOf(world.snapshot.values());
  const blobs = countsOf(world.content.blobs.values());
  const leases = countsOf(world.lease.values());
  const views = namespacesOf(world).map(
    (namespace): NamespaceView => ({
      namespace,
      labels: world.namespace.get(namespace)?.labels ?? {},
      containers: containers.get(namespace) ?? 0,
      images: images.get(namespace) ?? 0,
      snapshots: snapshots.get(namespace) ?? 0,
      blobs: blobs.get(namespace) ?? 0,
      leases: leases.get(namespace) ?? 0,
    }),
  );
  return chosen(
    views,
    filters,
    namespaceTable,
    byText(({ namespace }) => namespace),
  );
};
