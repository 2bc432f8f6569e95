import {
  type LeaseId,
  type Namespace,
  SnapshotId,
  type SnapshotKey,
  type SnapshotterName,
} from '../../domain/identity.ts';
import { mergeLabels } from '../../domain/labels.ts';
import { findLease } from '../../domain/leases.ts';
import type { Mount } from '../../domain/mount.ts';
import { Rejection } from '../../domain/rejection.ts';
import { ancestors, findSnapshot, type Snapshot } from '../../domain/snapshots.ts';
import type { Command, World } from '../../domain/world.ts';
import { containerdFilter, type FieldOf, labelField } from '../../projections/containerd-filters.ts';
import type { SnapshotStore } from '../ports/snapshots.ts';
import type { NewSnapshot, SnapshotCommit, SnapshotServices, Snapshotter } from '../ports/store/snapshots.ts';
import { replacing } from './labels.ts';
import type { StoreParts } from './parts.ts';

/** The snapshotters there are, by name. */
export const snapshotServices = (
  parts: SnapshotParts,
  bytes: Readonly<Record<string, SnapshotStore>>,
): SnapshotServices => {
  const snapshotters = new Map(
    Object.entries(bytes).map(([name, store]) => [name, snapshotter(parts, name as SnapshotterName, store)]),
  );
  return {
    snapshotter: (name) => {
      const found = snapshotters.get(name);
      if (found) return found;
      const what = name === '' ? 'snapshotter argument missing' : `snapshotter not loaded: ${name}`;
      throw new Rejection('invalid-argument', `${what}: invalid argument`);
    },
  };
};

type SnapshotParts = Pick<StoreParts, 'ledger' | 'collector'> & {
  readonly ports: Pick<StoreParts['ports'], 'names'>;
};

const snapshotter = (
  { ledger, ports, collector }: SnapshotParts,
  name: SnapshotterName,
  bytes: SnapshotStore,
): Snapshotter => {
  const refOf = (namespace: Namespace, key: SnapshotKey) => ({ namespace, snapshotter: name, key });
  const find = (world: World, namespace: Namespace, key: SnapshotKey, what = 'snapshot'): Snapshot => {
    const found = findSnapshot(world.snapshot, refOf(namespace, key));
    if (found) return found;
    throw new Rejection('not-found', `${what} ${key} does not exist: not found`);
  };
  const checkFree = (namespace: Namespace, key: SnapshotKey): void => {
    if (!findSnapshot(ledger.head.world.snapshot, refOf(namespace, key))) return;
    throw new Rejection('already-exists', `snapshot ${JSON.stringify(key)}: already exists`);
  };
  const checkParent = (namespace: Namespace, parent: SnapshotKey | undefined): void => {
    if (parent === undefined) return;
    const { kind } = find(ledger.head.world, namespace, parent, 'parent snapshot');
    if (kind === 'committed') return;
    throw new Rejection(
      'failed-precondition',
      `parent ${JSON.stringify(parent)} is ${kind}, not a committed snapshot: failed precondition`,
    );
  };
  const mountsOf = (world: World, snapshot: Snapshot): readonly Mount[] => {
    const below = ancestors(world.snapshot, snapshot).map(({ id }) => id);
    return bytes.mounts(snapshot.id, below, snapshot.kind === 'active');
  };
  /** What a lease lets go of, where it is there: of a key that is no more. */
  const release = (namespace: Namespace, key: SnapshotKey, id: LeaseId | undefined): readonly Command[] =>
    id !== undefined && findLease(ledger.head.world.lease, namespace, id)
      ? [{ type: 'remove-lease-resource', namespace, id, resource: { type: `snapshots/${name}`, id: key } }]
      : [];

  const prepare: Snapshotter['prepare'] = async (namespace, made, { cause }) => {
    const { key, kind, parent } = made;
    checkFree(namespace, key);
    checkParent(namespace, parent);
    const id = SnapshotId.parse(ports.names.sortable());
    await bytes.create(id, kind);
    try {
      await ledger.dispatch([prepareCommand(refOf(namespace, key), id, made)], cause);
    } catch (error) {
      await bytes.remove(id);
      throw error;
    }
    const { world } = ledger.durable;
    return mountsOf(world, find(world, namespace, key));
  };

  const commit: Snapshotter['commit'] = async (namespace, wanted, { cause }) => {
    const { key } = wanted;
    checkFree(namespace, wanted.name);
    const { id } = checkActive(find(ledger.head.world, namespace, key));
    checkParent(namespace, wanted.parent);
    await bytes.sync(id);
    const usage = await bytes.usage(id);
    const present = find(ledger.head.world, namespace, key);
    await ledger.dispatch(
      [
        ...release(namespace, key, wanted.lease),
        {
          ...commitCommand(refOf(namespace, key), wanted),
          usage,
          labels: replacing(present.labels, wanted.labels),
        },
      ],
      cause,
    );
  };

  return {
    prepare,
    commit,
    mounts: (namespace, key) => {
      const { world } = ledger.durable;
      const snapshot = find(world, namespace, key);
      if (snapshot.kind !== 'committed') return mountsOf(world, snapshot);
      throw new Rejection(
        'failed-precondition',
        `failed to get active mount: snapshot ${key} is committed, neither active nor a view: failed precondition`,
      );
    },
    remove: async (namespace, key, lease, { cause }) => {
      const { children } = find(ledger.head.world, namespace, key);
      if (children > 0) {
        throw new Rejection('failed-precondition', 'cannot remove snapshot with child: failed precondition');
      }
      const removal = {
        type: 'remove-snapshot',
        ...refOf(namespace, key),
        cause: { by: 'request' },
      } as const;
      await ledger.dispatch([removal, ...release(namespace, key, lease)], cause);
    },
    stat: (namespace, key) => find(ledger.durable.world, namespace, key),
    update: async (namespace, key, { labels, replace }, { cause }) => {
      const present = find(ledger.head.world, namespace, key);
      const changes = replace ? replacing(present.labels, labels) : labels;
      await ledger.dispatch([{ type: 'label-snapshot', ...refOf(namespace, key), labels: changes }], cause);
      return find(ledger.durable.world, namespace, key);
    },
    list: (namespace, filters) => {
      const matches = containerdFilter(filters);
      return [...ledger.durable.world.snapshot.values()]
        .filter((one) => one.namespace === namespace && one.snapshotter === name && matches(fieldsOf(one)))
        .sort((a, b) => (a.key < b.key ? -1 : 1));
    },
    usage: async (namespace, key) => {
      const { id, kind, usage } = find(ledger.durable.world, namespace, key);
      return kind === 'active' ? bytes.usage(id) : (usage ?? { bytes: 0, inodes: 0 });
    },
    cleanup: async ({ cause }) => {
      await collector.collect(cause);
    },
  };
};

const checkActive = (snapshot: Snapshot): Snapshot => {
  if (snapshot.kind === 'active') return snapshot;
  throw new Rejection(
    'failed-precondition',
    `failed to commit snapshot: snapshot ${snapshot.key} is not active: failed precondition`,
  );
};

type Ref = Pick<Snapshot, 'namespace' | 'snapshotter' | 'key'>;

const prepareCommand = (ref: Ref, id: SnapshotId, { kind, parent, labels, lease }: NewSnapshot) => ({
  type: 'prepare-snapshot' as const,
  ...ref,
  id,
  kind,
  labels: mergeLabels({}, labels),
  ...(parent === undefined ? {} : { parent }),
  ...(lease === undefined ? {} : { lease }),
});

const commitCommand = (ref: Ref, { name, parent, lease }: SnapshotCommit) => ({
  type: 'commit-snapshot' as const,
  ...ref,
  name,
  ...(parent === undefined ? {} : { parent }),
  ...(lease === undefined ? {} : { lease }),
});

const fieldsOf =
  ({ key, kind, parent, labels }: Snapshot): FieldOf =>
  (path) => {
    switch (path[0]) {
      case 'name':
        return key;
      case 'kind':
        return kind;
      case 'parent':
        return parent ?? '';
      case 'labels':
        return labelField(labels, path);
      default:
        return undefined;
    }
  };
