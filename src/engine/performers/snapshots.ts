import { asRejection, Rejection } from '../../domain/rejection.ts';
import type { SnapshotAddress } from '../../workflows/effects.ts';
import type { Ports } from '../ports/ports.ts';
import { remoteKey } from '../ports/remote-snapshots.ts';
import type { Snapshotters } from '../ports/snapshotters.ts';
import type { Performers } from '../workflow-runner.ts';
import { applyLayer } from './apply-layer.ts';

type Part = Pick<Performers, 'make-snapshot' | 'apply-layer' | 'settle-layers' | 'remove-snapshot-bytes'>;

/** Directories of snapshots, and layers into them. */
export const snapshotPerformers = (ports: Ports): Part => ({
  'make-snapshot': ({ id, kind, parents }) => ports.snapshots.create(id, kind, parents),
  'apply-layer': (input, context) => applyLayer(ports, input, context),
  'settle-layers': ({ ids }) => ports.layers.settle(ids),
  'remove-snapshot-bytes': removals(ports.snapshotters),
});

/** One after the other for each daemon elsewhere, in the order of the events: what is built on comes after what is on it. */
const removals = (snapshotters: Snapshotters) => {
  const last = new Map<string, Promise<void>>();
  return (address: SnapshotAddress): Promise<void> => {
    const { snapshotter } = address;
    if (snapshotters.local.has(snapshotter)) return removeBytes(snapshotters, address);
    const turn = () => removeBytes(snapshotters, address);
    const before = last.get(snapshotter);
    const mine = before === undefined ? turn() : before.then(turn, turn);
    last.set(snapshotter, mine);
    return mine;
  };
};

const removeBytes = async (
  { local, remote }: Snapshotters,
  { snapshotter, id, namespace, key }: SnapshotAddress,
): Promise<void> => {
  const store = local.get(snapshotter);
  if (store) return store.remove(id);
  const elsewhere = remote.get(snapshotter);
  if (!elsewhere || namespace === undefined || key === undefined) {
    throw new Rejection(
      'failed-precondition',
      `remove the bytes of snapshot '${id}': snapshotter '${snapshotter}' is not configured any more; they stay where they are`,
    );
  }
  try {
    await elsewhere.remove(remoteKey({ namespace, id, key }), { namespace });
  } catch (error) {
    if (asRejection(error).code !== 'not-found') throw error;
  }
};
