import { findBlob } from '../../domain/content.ts';
import type { Descriptor, Namespace, SnapshotId } from '../../domain/identity.ts';
import type { Mount } from '../../domain/mount.ts';
import { Rejection } from '../../domain/rejection.ts';
import { ancestors, type Snapshot } from '../../domain/snapshots.ts';
import type { DiffService } from '../ports/store/diff.ts';
import type { StoreParts } from './parts.ts';

/** Applies layers straight into the directories of snapshots: what a client mounts is where we write anyway. */
export const diffService = ({ ledger, ports }: StoreParts): DiffService => {
  const { blobs, layers, snapshots } = ports;

  const checkContent = (namespace: Namespace, { digest }: Descriptor): void => {
    if (findBlob(ledger.durable.world.content, namespace, digest)) return;
    throw new Rejection('not-found', `failed to get reader from content store: content ${digest}: not found`);
  };

  /** The snapshot that the mounts write to. */
  const target = (namespace: Namespace, mounts: readonly Mount[]): Snapshot => {
    const id = snapshots.writtenBy(mounts);
    const found = id === undefined ? undefined : findById(namespace, id);
    if (found?.kind === 'active') return found;
    throw new Rejection(
      'unimplemented',
      `apply to ${shown(mounts)}: that is no active snapshot of namespace '${namespace}' here; prepare one and give its mounts: not implemented`,
    );
  };

  const findById = (namespace: Namespace, id: SnapshotId): Snapshot | undefined => {
    for (const snapshot of ledger.durable.world.snapshot.values()) {
      if (snapshot.id === id && snapshot.namespace === namespace) return snapshot;
    }
    return undefined;
  };

  const checkFresh = async ({ id, key }: Snapshot): Promise<void> => {
    const { inodes } = await snapshots.usage(id);
    if (inodes === 1) return;
    throw new Rejection(
      'failed-precondition',
      `apply to snapshot '${key}': it holds files already; a layer is applied to a fresh snapshot: failed precondition`,
    );
  };

  return {
    apply: async (namespace, layer, mounts, { signal }) => {
      checkContent(namespace, layer);
      const snapshot = target(namespace, mounts);
      await checkFresh(snapshot);
      const parents = ancestors(ledger.durable.world.snapshot, snapshot).map(({ id }) => id);
      const file = { path: blobs.path(layer.digest), mediaType: layer.mediaType };
      const options = { parents, ...(signal === undefined ? {} : { signal }) };
      const applied = await layers.apply(file, snapshot.id, options);
      if (!applied.needsParents) return { digest: applied.diffId, size: applied.size };
      throw new Rejection('internal', `layer ${layer.digest} wants parents, which it was given`);
    },
  };
};

const shown = (mounts: readonly Mount[]): string =>
  mounts.length === 0 ? 'no mounts' : mounts.map(({ type, source }) => `${type} '${source}'`).join(', ');
