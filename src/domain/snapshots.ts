import { z } from 'zod';
import { subject } from './envelope.ts';
import { type CommandsOf, defineEvent, type EventsOf, type Fact } from './event.ts';
import {
  Labels,
  LeaseId,
  Namespace,
  Size,
  SnapshotId,
  SnapshotKey,
  SnapshotterName,
  type Timestamp,
} from './identity.ts';
import { joined } from './joined.ts';
import { mergeLabels } from './labels.ts';
import { findLease, holdUnder, type LeaseEvent, type Leases } from './leases.ts';
import { PersistentMap } from './persistent-map.ts';
import { Rejection } from './rejection.ts';
import { RemovalCause } from './removal.ts';

// Identity: the key of an active snapshot or the name of a committed one, within a namespace and snapshotter; and, for
// its directory on disk, an id that is never used again.
const ref = z.object({ namespace: Namespace, snapshotter: SnapshotterName, key: SnapshotKey });
export type SnapshotRef = z.infer<typeof ref>;
export const snapshotSubject = ({ namespace, snapshotter, key }: SnapshotRef) =>
  subject('snapshot', namespace, joined(snapshotter, key));
export const snapshotRefKey = ({ namespace, snapshotter, key }: SnapshotRef): string =>
  joined(joined(namespace, snapshotter), key);

// Events. Names and fields are the storage format.
const usage = z.object({
  bytes: Size.describe('allocated bytes of this layer alone'),
  inodes: z.number().int().nonnegative(),
});
const example = { namespace: 'default', snapshotter: 'overlayfs', key: 'web-rootfs' };
export const snapshotEvents = {
  'snapshot-prepared': defineEvent({
    version: 1,
    order: 'making',
    says: 'A snapshot to write to (active) or to look at (view) was made; its directory is on stable storage.',
    data: ref.extend({
      id: SnapshotId,
      kind: z.enum(['active', 'view']),
      parent: SnapshotKey.optional(),
      labels: Labels,
    }),
    example: {
      ...example,
      id: '01j9z0',
      kind: 'active' as const,
      parent: `sha256:${'ab'.repeat(32)}`,
      labels: {},
    },
  }),
  'snapshot-committed': defineEvent({
    version: 1,
    order: 'making',
    says: 'An active snapshot became immutable, under a name that others can build on.',
    data: ref.extend({
      name: SnapshotKey,
      parent: SnapshotKey.optional().describe(
        'set where it was prepared without one: layers unpack in any order',
      ),
      usage,
      labels: Labels,
    }),
    example: {
      ...example,
      key: 'extract-1',
      name: `sha256:${'ab'.repeat(32)}`,
      usage: { bytes: 4096, inodes: 1 },
      labels: {},
    },
  }),
  'snapshot-adopted': defineEvent({
    version: 1,
    order: 'making',
    says: 'A layer that a snapshotter in another daemon had already was taken in as a committed snapshot; its bytes stay there.',
    data: ref.extend({
      id: SnapshotId,
      parent: SnapshotKey.optional(),
      handle: z.string().min(1).max(1024).describe('the key under which the other daemon has it'),
      usage,
      labels: Labels,
    }),
    example: {
      namespace: 'default',
      snapshotter: 'stargz',
      key: `sha256:${'ab'.repeat(32)}`,
      id: '01j9z0',
      handle: `sha256:${'ab'.repeat(32)}`,
      usage: { bytes: 4096, inodes: 1 },
      labels: {},
    },
  }),
  'snapshot-labelled': defineEvent({
    version: 1,
    order: 'record',
    says: 'The labels of a snapshot were replaced.',
    data: ref.extend({ labels: Labels }),
    example: { ...example, labels: { 'containerd.io/gc.root': '2026-11-01' } },
  }),
  'snapshot-removed': defineEvent({
    version: 1,
    order: 'removing',
    says: 'A snapshot was removed; its directory is taken away after this.',
    data: ref.extend({ id: SnapshotId, cause: RemovalCause }),
    example: { ...example, id: '01j9z0', cause: { by: 'gc' as const, freedBy: '77' } },
  }),
};
export type SnapshotEvent = EventsOf<typeof snapshotEvents>;

// State
export interface Snapshot extends SnapshotRef {
  readonly id: SnapshotId;
  readonly kind: 'active' | 'view' | 'committed';
  readonly parent?: SnapshotKey;
  readonly labels: Labels;
  /** Known once it is committed. */
  readonly usage?: z.infer<typeof usage>;
  /** The key that another daemon has it under, where that daemon chose it. */
  readonly handle?: string;
  /** How many snapshots name it as their parent. */
  readonly children: number;
  /** When it was prepared, adopted, or committed: what is committed is another thing than what was written to, as in containerd. */
  readonly createdAt: Timestamp;
  readonly updatedAt: Timestamp;
}
export type Snapshots = PersistentMap<Snapshot>;
export const noSnapshots: Snapshots = PersistentMap.empty();
export const findSnapshot = (state: Snapshots, at: SnapshotRef): Snapshot | undefined =>
  state.get(snapshotRefKey(at));

/** The snapshots below one, from its direct parent to the base. */
export const ancestors = (state: Snapshots, snapshot: Snapshot): readonly Snapshot[] => {
  const chain: Snapshot[] = [];
  let { parent } = snapshot;
  while (parent !== undefined) {
    const found = findSnapshot(state, { ...snapshot, key: parent });
    if (!found) break;
    chain.push(found);
    parent = found.parent;
  }
  return chain;
};

// Evolve
const countChild = (state: Snapshots, at: SnapshotRef, parent: SnapshotKey | undefined, by: 1 | -1) => {
  if (parent === undefined) return state;
  const key = snapshotRefKey({ namespace: at.namespace, snapshotter: at.snapshotter, key: parent });
  const found = state.get(key);
  return found ? state.set(key, { ...found, children: found.children + by }) : state;
};

export const evolveSnapshots = (state: Snapshots, event: Fact<SnapshotEvent>): Snapshots => {
  const at = event.meta.time.wall;
  const key = snapshotRefKey(event.data);
  const isNew = event.type === 'snapshot-prepared' || event.type === 'snapshot-adopted';
  const found = isNew ? undefined : state.get(key);
  switch (event.type) {
    case 'snapshot-prepared': {
      const { namespace, snapshotter, key: name, id, kind, labels, parent } = event.data;
      // Whole literals: a second spread in one, or taking some and spreading the rest, shows in a replay.
      const made: Snapshot =
        parent === undefined
          ? { namespace, snapshotter, key: name, id, kind, labels, children: 0, createdAt: at, updatedAt: at }
          : {
              namespace,
              snapshotter,
              key: name,
              id,
              kind,
              labels,
              parent,
              children: 0,
              createdAt: at,
              updatedAt: at,
            };
      return countChild(state, event.data, parent, 1).set(key, made);
    }
    case 'snapshot-committed': {
      if (!found) return state;
      const { name, parent, usage: taken, labels } = event.data;
      const rebased = parent === undefined ? found : { ...found, parent };
      const made: Snapshot = {
        ...rebased,
        key: name,
        kind: 'committed',
        usage: taken,
        labels,
        createdAt: at,
        updatedAt: at,
      };
      return countChild(state.delete(key), event.data, parent, 1).set(snapshotRefKey(made), made);
    }
    case 'snapshot-adopted': {
      const { parent, ...data } = event.data;
      const whole = { ...data, kind: 'committed' as const, children: 0, createdAt: at, updatedAt: at };
      const made: Snapshot = parent === undefined ? whole : { ...whole, parent };
      return countChild(state, event.data, parent, 1).set(key, made);
    }
    case 'snapshot-labelled':
      return found ? state.set(key, { ...found, labels: event.data.labels, updatedAt: at }) : state;
    case 'snapshot-removed':
      return found ? countChild(state.delete(key), event.data, found.parent, -1) : state;
    default:
      return event satisfies never;
  }
};

// Commands
export const snapshotCommands = {
  /** The directory is made and synced; the log may say so. */
  'prepare-snapshot': ref.extend({
    id: SnapshotId,
    kind: z.enum(['active', 'view']),
    parent: SnapshotKey.optional(),
    labels: Labels,
    lease: LeaseId.optional(),
  }),
  /** The bytes below the key are on stable storage. */
  'commit-snapshot': ref.extend({
    name: SnapshotKey,
    /** Only where the snapshot was prepared without a parent. */
    parent: SnapshotKey.optional(),
    usage,
    labels: Labels,
    lease: LeaseId.optional(),
  }),
  /** Another daemon has it, and says so. */
  'adopt-snapshot': ref.extend({
    id: SnapshotId,
    parent: SnapshotKey.optional(),
    handle: z.string().min(1).max(1024),
    usage,
    labels: Labels,
    lease: LeaseId.optional(),
  }),
  'label-snapshot': ref.extend({ labels: Labels }),
  'remove-snapshot': ref.extend({ cause: RemovalCause }),
};
export type SnapshotCommand = CommandsOf<typeof snapshotCommands>;

// Decide
const notThere = ({ namespace, snapshotter, key }: SnapshotRef) =>
  new Rejection(
    'not-found',
    `snapshot '${key}' does not exist in snapshotter '${snapshotter}', namespace '${namespace}'`,
  );
const taken = (key: string) => new Rejection('already-exists', `snapshot '${key}' exists already`);

const held = (at: SnapshotRef, key: SnapshotKey, id: LeaseId | undefined, leases: Leases) => {
  if (id === undefined) return [];
  const lease = findLease(leases, at.namespace, id);
  return lease
    ? holdUnder(lease, { type: `snapshots/${at.snapshotter}`, id: key })
    : new Rejection('not-found', `lease '${id}' does not exist in namespace '${at.namespace}'`);
};

type Decision = readonly (SnapshotEvent | LeaseEvent)[] | Rejection;
type CommandOf<T extends SnapshotCommand['type']> = Extract<SnapshotCommand, { type: T }>;

/** Why a snapshot can't be built on a parent, if it can't. */
const unfit = (at: SnapshotRef, parent: SnapshotKey, state: Snapshots): Rejection | undefined => {
  const found = findSnapshot(state, { ...at, key: parent });
  if (!found) return notThere({ ...at, key: parent });
  if (found.kind === 'committed') return undefined;
  return new Rejection('failed-precondition', `parent '${parent}' is ${found.kind}; commit it first`);
};

const decidePrepare = (
  command: CommandOf<'prepare-snapshot'>,
  state: Snapshots,
  leases: Leases,
): Decision => {
  const { type: _, lease, ...data } = command;
  const hold = holdOfNew(command, state, leases);
  return hold instanceof Rejection ? hold : [{ type: 'snapshot-prepared', data }, ...hold];
};

const decideAdopt = (command: CommandOf<'adopt-snapshot'>, state: Snapshots, leases: Leases): Decision => {
  const { type: _, lease, ...data } = command;
  const hold = holdOfNew(command, state, leases);
  return hold instanceof Rejection ? hold : [{ type: 'snapshot-adopted', data }, ...hold];
};

/** The lease's hold on one that is new, where it may be made. */
const holdOfNew = (
  command: CommandOf<'prepare-snapshot' | 'adopt-snapshot'>,
  state: Snapshots,
  leases: Leases,
) => {
  if (findSnapshot(state, command)) return taken(command.key);
  const refusal = command.parent === undefined ? undefined : unfit(command, command.parent, state);
  return refusal ?? held(command, command.key, command.lease, leases);
};

const decideCommit = (command: CommandOf<'commit-snapshot'>, state: Snapshots, leases: Leases): Decision => {
  const { type: _, lease, ...data } = command;
  const snapshot = findSnapshot(state, data);
  if (!snapshot) return notThere(data);
  if (snapshot.kind !== 'active') {
    return new Rejection('failed-precondition', `snapshot '${data.key}' is ${snapshot.kind}, not active`);
  }
  if (findSnapshot(state, { ...data, key: data.name })) return taken(data.name);
  if (data.parent !== undefined) {
    if (snapshot.parent !== undefined) {
      return new Rejection(
        'failed-precondition',
        `snapshot '${data.key}' has a parent already: '${snapshot.parent}'`,
      );
    }
    const refusal = unfit(data, data.parent, state);
    if (refusal) return refusal;
  }
  const hold = held(data, data.name, lease, leases);
  if (hold instanceof Rejection) return hold;
  const labels = mergeLabels(snapshot.labels, data.labels);
  return [{ type: 'snapshot-committed', data: { ...data, labels } }, ...hold];
};

export const decideSnapshot = (command: SnapshotCommand, state: Snapshots, leases: Leases): Decision => {
  if (command.type === 'prepare-snapshot') return decidePrepare(command, state, leases);
  if (command.type === 'commit-snapshot') return decideCommit(command, state, leases);
  if (command.type === 'adopt-snapshot') return decideAdopt(command, state, leases);
  const { namespace, snapshotter, key } = command;
  const snapshot = findSnapshot(state, command);
  if (!snapshot) return notThere(command);
  switch (command.type) {
    case 'label-snapshot': {
      const labels = mergeLabels(snapshot.labels, command.labels);
      if (labels === snapshot.labels) return [];
      return [{ type: 'snapshot-labelled', data: { namespace, snapshotter, key, labels } }];
    }
    case 'remove-snapshot': {
      if (snapshot.children > 0) {
        return new Rejection(
          'failed-precondition',
          `snapshot '${key}' is the parent of ${snapshot.children} others; remove those first`,
        );
      }
      const { cause } = command;
      return [{ type: 'snapshot-removed', data: { namespace, snapshotter, key, id: snapshot.id, cause } }];
    }
    default:
      return command satisfies never;
  }
};
