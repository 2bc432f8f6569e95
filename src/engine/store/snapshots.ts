import {
  type LeaseId,
  type Namespace,
  SnapshotId,
  SnapshotKey,
  type SnapshotterName,
} from '../../domain/identity.ts';
import { mergeLabels } from '../../domain/labels.ts';
import { findLease } from '../../domain/leases.ts';
import type { Mount } from '../../domain/mount.ts';
import { asRejection, Rejection } from '../../domain/rejection.ts';
import { ancestors, findSnapshot, type Snapshot } from '../../domain/snapshots.ts';
import type { Command, World } from '../../domain/world.ts';
import { type FieldOf, labelField } from '../../projections/containerd-filters.ts';
import type { StoreCall } from '../ports/store/call.ts';
import type { NewSnapshot, SnapshotCommit, SnapshotServices, Snapshotter } from '../ports/store/snapshots.ts';
import { replacing } from './labels.ts';
import type { StoreParts } from './parts.ts';
import { layerLabel, remoteBytes } from './remote-bytes.ts';
import { filtered, meant, named } from './select.ts';
import { localBytes, type Placed, type Planned, type SnapshotBytes } from './snapshot-bytes.ts';

/** The snapshotters there are, by name. */
export const snapshotServices = (parts: SnapshotParts): SnapshotServices => {
  const { local, remote } = parts.ports.snapshotters;
  const elsewhere = new Map([...remote].map(([name, one]) => [name, remoteBytes(parts.ledger, name, one)]));
  const bytes = new Map([
    ...[...local].map(([name, store]) => [name, localBytes(store)] as const),
    ...elsewhere,
  ]);
  const snapshotters = new Map(
    [...bytes].map(([name, own]) => [name as string, snapshotter(parts, name, own)]),
  );
  return {
    sweepElsewhere: async (call) => {
      for (const [name, own] of elsewhere) {
        try {
          await own.sweep(call);
        } catch (error) {
          parts.ports.logger.warn(`snapshotter '${name}' was not swept; the next start tries again`, {
            error,
          });
        }
      }
    },
    snapshotter: (name) => {
      const found = snapshotters.get(name);
      if (found) return found;
      const what = name === '' ? 'snapshotter argument missing' : `snapshotter not loaded: ${name}`;
      throw new Rejection('invalid-argument', `${what}: invalid argument`);
    },
  };
};

type SnapshotParts = Pick<StoreParts, 'ledger' | 'collector'> & {
  readonly ports: Pick<StoreParts['ports'], 'logger' | 'names' | 'snapshotters'>;
};

const snapshotter = (
  { ledger, ports, collector }: SnapshotParts,
  name: SnapshotterName,
  bytes: SnapshotBytes,
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
  const checkParent = (namespace: Namespace, parent: SnapshotKey | undefined): Snapshot | undefined => {
    if (parent === undefined) return undefined;
    const found = find(ledger.head.world, namespace, parent, 'parent snapshot');
    const { kind } = found;
    if (kind === 'committed') return found;
    throw new Rejection(
      'failed-precondition',
      `parent ${JSON.stringify(parent)} is ${kind}, not a committed snapshot: failed precondition`,
    );
  };
  const placed = (world: World, snapshot: Snapshot): Placed => ({
    snapshot,
    below: ancestors(world.snapshot, snapshot),
  });
  /** What one on this parent is built on. */
  const below = (namespace: Namespace, parent: SnapshotKey | undefined): readonly Snapshot[] => {
    if (parent === undefined) return [];
    const { world } = ledger.head;
    const direct = find(world, namespace, parent, 'parent snapshot');
    return [direct, ...ancestors(world.snapshot, direct)];
  };
  /** What a lease lets go of, where it is there: of a key that is no more. */
  const release = (namespace: Namespace, key: SnapshotKey, id: LeaseId | undefined): readonly Command[] =>
    id !== undefined && findLease(ledger.head.world.lease, namespace, id)
      ? [{ type: 'remove-lease-resource', namespace, id, resource: { type: `snapshots/${name}`, id: key } }]
      : [];

  /** Prepares the bytes; where the other daemon has the layer that they were for, that is taken in, and the client told so. */
  const prepared = async (planned: Planned, call: StoreCall): Promise<readonly Mount[]> => {
    const { namespace, id, parent, lease, labels } = planned;
    const layer = SnapshotKey.safeParse(labels[layerLabel]);
    if (bytes.present === undefined || !layer.success) return bytes.prepare(planned, call);
    checkFree(namespace, layer.data);
    try {
      return await bytes.prepare(planned, call);
    } catch (error) {
      if (asRejection(error).code !== 'already-exists') throw error;
      const there = await bytes.present(planned, layer.data, call);
      if (there === undefined) throw error;
      const command = {
        type: 'adopt-snapshot' as const,
        ...{ ...refOf(namespace, layer.data), id, handle: there.handle, usage: there.usage },
        labels: mergeLabels(there.labels, labels),
        ...(parent === undefined ? {} : { parent }),
        ...(lease === undefined ? {} : { lease }),
      };
      await ledger.dispatch([command], call.cause);
      throw error;
    }
  };

  const prepare: Snapshotter['prepare'] = async (namespace, made, call) => {
    const { key, parent } = made;
    checkFree(namespace, key);
    checkParent(namespace, parent);
    const id = SnapshotId.parse(ports.names.brief());
    const planned = { ...made, namespace, id, below: below(namespace, parent) };
    const mounts = await prepared(planned, call);
    try {
      await ledger.dispatch([prepareCommand(refOf(namespace, key), id, made)], call.cause);
    } catch (error) {
      await bytes.discard(planned);
      throw error;
    }
    bytes.recorded(planned);
    return mounts;
  };

  const commit: Snapshotter['commit'] = async (namespace, wanted, call) => {
    const { key } = wanted;
    checkFree(namespace, wanted.name);
    const active = checkActive(find(ledger.head.world, namespace, key));
    const onto = checkParent(namespace, wanted.parent);
    const usage = await bytes.commit(active, wanted.name, onto, call);
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
      call.cause,
    );
  };

  return {
    prepare,
    commit,
    mounts: async (namespace, key, call) => {
      const { world } = ledger.durable;
      const snapshot = find(world, namespace, key);
      if (snapshot.kind !== 'committed') return bytes.mounts(placed(world, snapshot), call);
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
      const known = ledger.durable.world.snapshot;
      const snapshots = meant(
        filters,
        'name',
        named(SnapshotKey, (key) => findSnapshot(known, refOf(namespace, key))),
        () => [...known.values()].filter((one) => one.namespace === namespace && one.snapshotter === name),
      );
      return filtered(snapshots, filters, fieldsOf).sort((a, b) => (a.key < b.key ? -1 : 1));
    },
    usage: (namespace, key, call) => bytes.usage(find(ledger.durable.world, namespace, key), call),
    cleanup: async (call) => {
      await collector.collect(call.cause);
      await bytes.sweep(call);
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
