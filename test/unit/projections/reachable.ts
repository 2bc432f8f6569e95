import type { Fact } from '../../../src/domain/event.ts';
import type { DomainEvent, World } from '../../../src/domain/world.ts';

// A second opinion on what keeps what: marks from the roots over the whole world, in the plainest way there is.

/** `subject of a lease, subject of the key it holds` → subjects of the names that the key took on since. */
export type Renames = Map<string, Set<string>>;

/** What leases hold beyond their resources, since they held the keys that were committed. */
export const renamesIn = (facts: readonly Fact<DomainEvent>[]): Renames => {
  const held = new Map<string, Set<string>>();
  const renames: Renames = new Map();
  for (const { type, data, subject } of facts) {
    if (type === 'lease-created' || type === 'lease-deleted') {
      held.delete(subject);
      for (const key of renames.keys()) if (key.startsWith(`${subject} `)) renames.delete(key);
    }
    if (type === 'lease-created') held.set(subject, new Set());
    if (type === 'lease-resource-added' || type === 'lease-resource-removed') {
      const what = resourceSubject(data.namespace, data.resource);
      if (type === 'lease-resource-added') held.get(subject)?.add(what);
      else {
        held.get(subject)?.delete(what);
        renames.delete(`${subject} ${what}`);
      }
    }
    if (type === 'snapshot-committed') {
      const name = `snapshot/${data.namespace}/${data.snapshotter}/${data.name}`;
      for (const [lease, things] of held) {
        const key = `${lease} ${subject}`;
        if (things.has(subject)) renames.set(key, (renames.get(key) ?? new Set()).add(name));
      }
    }
  }
  return renames;
};

const resourceSubject = (
  namespace: string,
  { type, id }: { readonly type: string; readonly id: string },
): string =>
  type === 'content'
    ? `blob/${namespace}/${id}`
    : type === 'ingests'
      ? `ingest/${namespace}/${id}`
      : `snapshot/${namespace}/${type.slice('snapshots/'.length)}/${id}`;

const labelled = (namespace: string, labels: Readonly<Record<string, string>>): string[] =>
  Object.entries(labels).flatMap(([name, value]) => {
    const content = /^containerd\.io\/gc\.ref\.content(?:[./].*)?$/.test(name);
    const snapshotter = /^containerd\.io\/gc\.ref\.snapshot\.([^/]+)/.exec(name)?.[1];
    if (content) return [`blob/${namespace}/${value}`];
    return snapshotter === undefined ? [] : [`snapshot/${namespace}/${snapshotter}/${value}`];
  });

/** Who keeps the bearer, by its own word. */
const namedBy = (namespace: string, labels: Readonly<Record<string, string>>): string[] =>
  Object.entries(labels).flatMap(([name, value]) => {
    const thing = /^containerd\.io\/gc\.bref\.(container|content|image)(?:[./].*)?$/.exec(name)?.[1];
    const snapshotter = /^containerd\.io\/gc\.bref\.snapshot\.([^/]+)/.exec(name)?.[1];
    if (snapshotter !== undefined) return [`snapshot/${namespace}/${snapshotter}/${value}`];
    if (thing === undefined) return [];
    return [`${thing === 'content' ? 'blob' : thing}/${namespace}/${value}`];
  });

export interface Marked {
  readonly reached: ReadonlySet<string>;
  /** Blobs and snapshots that nothing keeps. */
  readonly garbage: readonly string[];
  /** Steps from a root, by subject. */
  readonly depth: ReadonlyMap<string, number>;
}

export const markAndSweep = (world: World, renames: Renames, now = 0): Marked => {
  const edges = new Map<string, string[]>();
  const roots: string[] = [];
  const sweepable: string[] = [];
  const add = (subject: string, root: boolean, out: readonly string[]) => {
    edges.set(subject, [...out]);
    if (root) roots.push(subject);
  };
  const rooted = (labels: Readonly<Record<string, string>>) =>
    'containerd.io/gc.root' in labels || Date.parse(labels['containerd.io/gc.expire'] ?? '') * 1000 > now;
  const pinned = new Set<string>();
  const named: [keeper: string, bearer: string][] = [];
  for (const { namespace, name, target, labels } of world.image.values()) {
    const out = [`blob/${namespace}/${target.digest}`, ...labelled(namespace, labels)];
    add(`image/${namespace}/${name}`, true, out);
  }
  for (const { namespace, digest, labels } of world.content.blobs.values()) {
    add(`blob/${namespace}/${digest}`, rooted(labels), labelled(namespace, labels));
    sweepable.push(`blob/${namespace}/${digest}`);
    for (const keeper of namedBy(namespace, labels)) named.push([keeper, `blob/${namespace}/${digest}`]);
  }
  for (const { namespace, snapshotter, key, parent, labels } of world.snapshot.values()) {
    const at = `snapshot/${namespace}/${snapshotter}`;
    const parents = parent === undefined ? [] : [`${at}/${parent}`];
    add(`${at}/${key}`, rooted(labels), [...parents, ...labelled(namespace, labels)]);
    sweepable.push(`${at}/${key}`);
    for (const keeper of namedBy(namespace, labels)) named.push([keeper, `${at}/${key}`]);
  }
  for (const { namespace, id, resources, labels } of world.lease.values()) {
    const subject = `lease/${namespace}/${id}`;
    const held = [...resources.values()].map((resource) => resourceSubject(namespace, resource));
    const flat = 'containerd.io/gc.flat' in labels;
    const alone = held.filter((one) => flat && one.startsWith('blob/'));
    for (const one of alone) pinned.add(one);
    const whole = held.filter((one) => !alone.includes(one));
    add(subject, true, [...whole, ...held.flatMap((one) => [...(renames.get(`${subject} ${one}`) ?? [])])]);
  }
  for (const container of world.container.byId.values()) {
    const { namespace, id, snapshotter, snapshotKey, labels } = container;
    const image = container.made !== 'client' ? container.image : undefined;
    add(`container/${namespace}/${id}`, true, [
      `snapshot/${namespace}/${snapshotter}/${snapshotKey}`,
      ...(image ? [`blob/${namespace}/${image.digest}`] : []),
      ...labelled(namespace, labels),
    ]);
  }
  for (const [keeper, bearer] of named) edges.get(keeper)?.push(bearer);
  const depth = new Map(roots.map((root) => [root, 0]));
  const queue = [...roots];
  for (const at of queue) {
    for (const to of edges.get(at) ?? []) {
      if (depth.has(to) || !edges.has(to)) continue;
      depth.set(to, (depth.get(at) ?? 0) + 1);
      queue.push(to);
    }
  }
  const reached = new Set(depth.keys());
  for (const one of pinned) if (edges.has(one)) depth.set(one, Math.min(1, depth.get(one) ?? 1));
  return { reached, depth, garbage: sweepable.filter((one) => !reached.has(one) && !pinned.has(one)) };
};
