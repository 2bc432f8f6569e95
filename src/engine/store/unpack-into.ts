import type { Descriptor, LeaseId, Namespace, Platform, Timestamp } from '../../domain/identity.ts';
import { SnapshotKey, type SnapshotterName } from '../../domain/identity.ts';
import { gcLabels } from '../../domain/labels.ts';
import { asRejection, Rejection } from '../../domain/rejection.ts';
import { findSnapshot } from '../../domain/snapshots.ts';
import type { Layer } from '../../workflows/unpack.ts';
import { unpackPlan } from '../../workflows/unpack-plan.ts';
import type { Call } from '../ports/call.ts';
import type { DiffService } from '../ports/store/diff.ts';
import type { SnapshotServices, Snapshotter } from '../ports/store/snapshots.ts';
import type { StoreParts } from './parts.ts';
import { layerLabel } from './remote-bytes.ts';

/** What unpacking needs of the other services: the snapshotters as clients name them, and who lays a layer onto mounts. */
export interface UnpackParts extends Pick<StoreParts, 'ledger' | 'runner'> {
  readonly ports: Pick<StoreParts['ports'], 'clock' | 'names'>;
  readonly snapshots: Pick<SnapshotServices, 'snapshotter'>;
  readonly diff: Pick<DiffService, 'apply'>;
}

export interface UnpackRequest {
  readonly namespace: Namespace;
  readonly target: Descriptor;
  readonly platform: Platform;
  readonly snapshotter: SnapshotterName;
}

/** A lease that its daemon did not live to delete ends after this (microseconds). */
const leaseTime = 24 * 3600 * 1e6;

/**
 * Unpacks an image of the store into any snapshotter, layer by layer, each onto the mounts that the snapshotter gives: what
 * a client of containerd's does by itself. Where a snapshotter has a layer already (stargz and the like), that is taken.
 * @throws Rejection `failed-precondition` where a layer is not what the configuration says
 */
export const unpackInto = async (parts: UnpackParts, request: UnpackRequest, call: Call): Promise<void> => {
  const { ledger, runner, ports, snapshots } = parts;
  const { namespace, target, platform, snapshotter: name } = request;
  const snapshotter = snapshots.snapshotter(name);
  const { config, layers } = await runner.run(unpackPlan(target, platform), call);
  const lease = `unpack-${ports.names.brief()}` as LeaseId;
  const expiresAt = (ports.clock.now().wall + leaseTime) as Timestamp;
  await ledger.dispatch([{ type: 'create-lease', namespace, id: lease, labels: {}, expiresAt }], call.cause);
  try {
    const held = { ...request, snapshotter, name, lease };
    for (const layer of layers) await unpackLayer(parts, held, layer, call);
    const top = layers.at(-1);
    if (top === undefined) return;
    const labels = { [`${gcLabels.snapshot}${name}`]: top.chainId };
    await ledger.dispatch([{ type: 'label-blob', namespace, digest: config.digest, labels }], call.cause);
  } finally {
    await ledger.dispatch([{ type: 'delete-lease', namespace, id: lease }], call.cause);
  }
};

interface Held {
  readonly namespace: Namespace;
  readonly name: SnapshotterName;
  readonly snapshotter: Snapshotter;
  readonly lease: LeaseId;
}

const unpackLayer = async (
  { ledger, ports, diff }: UnpackParts,
  { namespace, name, snapshotter, lease }: Held,
  { descriptor, diffId, chainId, parent }: Layer,
  call: Call,
): Promise<void> => {
  const isThere = () =>
    findSnapshot(ledger.head.world.snapshot, { namespace, snapshotter: name, key: chainId }) !== undefined;
  const hold = async () => {
    const resource = { type: `snapshots/${name}`, id: chainId };
    await ledger.dispatch([{ type: 'add-lease-resource', namespace, id: lease, resource }], call.cause);
  };
  if (isThere()) return hold();
  const { digest, mediaType, size } = descriptor;
  const tell = (status: 'extracting' | 'extracted', offset: number) =>
    call.report?.({ kind: 'item', digest, mediaType, as: 'layer', status, offset, total: size });
  const key = SnapshotKey.parse(`extract-${ports.names.brief()} ${chainId}`);
  const labels = { [layerLabel]: chainId };
  tell('extracting', 0);
  try {
    const base = parent === undefined ? {} : { parent };
    const mounts = await snapshotter.prepare(
      namespace,
      { key, kind: 'active', labels, lease, ...base },
      call,
    );
    const applied = await diff.apply(namespace, { layer: descriptor, mounts, payloads: {} }, call);
    if (applied.digest !== diffId) throw wrong(digest, diffId, applied.digest);
    await snapshotter.commit(namespace, { key, name: chainId, labels, lease }, call);
  } catch (error) {
    // The snapshotter had it by other ways, or another unpack was first.
    if (asRejection(error).code !== 'already-exists' || !isThere()) throw error;
    await hold();
  }
  tell('extracted', size);
};

const wrong = (layer: string, wanted: string, found: string) =>
  new Rejection(
    'failed-precondition',
    `layer ${layer} unpacks to ${found}, but the image's configuration says ${wanted}; the image is broken`,
  );
