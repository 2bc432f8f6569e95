import type { MessageShape } from '@bufbuild/protobuf';
import { Labels, SnapshotKey } from '../../../domain/identity.ts';
import type { NewSnapshot, SnapshotInfo, SnapshotServices } from '../../../engine/ports/store/snapshots.ts';
import {
  Kind,
  type PrepareSnapshotRequestSchema,
  type Snapshots,
  type UpdateSnapshotRequestSchema,
  type ViewSnapshotRequestSchema,
} from '../../../gen/containerd/services/snapshots/v1/snapshots_pb.ts';
import type { CallContext, Service } from '../handlers.ts';
import { invalid, parse, present } from '../parse.ts';
import { labelChange } from './label-mask.ts';
import { mountMessage } from './mounts.ts';
import { leaseOf, tenantOf } from './tenancy.ts';
import { timestampOf } from './timestamp.ts';

const kinds = {
  active: Kind.ACTIVE,
  view: Kind.VIEW,
  committed: Kind.COMMITTED,
} satisfies Record<SnapshotInfo['kind'], Kind>;

/** Snapshots in one message of a list; containerd sends as many. */
const batchSize = 100;

const keyOf = (text: string, field = 'key'): SnapshotKey => parse(SnapshotKey, text, field);
const parentOf = (text: string): SnapshotKey | undefined => (text === '' ? undefined : keyOf(text, 'parent'));

const infoMessage = ({ key, kind, parent, labels, createdAt, updatedAt }: SnapshotInfo) => ({
  name: key,
  parent: parent ?? '',
  kind: kinds[kind],
  createdAt: timestampOf(createdAt),
  updatedAt: timestampOf(updatedAt),
  labels,
});

type NewRequest =
  | MessageShape<typeof PrepareSnapshotRequestSchema>
  | MessageShape<typeof ViewSnapshotRequestSchema>;

const newSnapshot = (kind: NewSnapshot['kind'], request: NewRequest, call: CallContext): NewSnapshot => ({
  key: keyOf(request.key),
  kind,
  labels: parse(Labels, request.labels, 'labels'),
  ...present({ parent: parentOf(request.parent), lease: leaseOf(call) }),
});

const changeOf = ({ info, updateMask }: MessageShape<typeof UpdateSnapshotRequestSchema>) => {
  const change = labelChange(updateMask?.paths, parse(Labels, info?.labels ?? {}, 'info.labels'));
  if (change === undefined) throw invalid('update_mask', 'names no field that can change');
  return change;
};

export const snapshotsService = (store: SnapshotServices): Service<typeof Snapshots> => {
  const make = async (kind: NewSnapshot['kind'], request: NewRequest, call: CallContext) => {
    const snapshot = newSnapshot(kind, request, call);
    const mounts = await store.snapshotter(request.snapshotter).prepare(tenantOf(call), snapshot, call);
    return { mounts: mounts.map(mountMessage) };
  };
  return {
    prepare: (request, call) => make('active', request, call),
    view: (request, call) => make('view', request, call),
    mounts: async ({ snapshotter, key }, call) => {
      const mounts = await store.snapshotter(snapshotter).mounts(tenantOf(call), keyOf(key), call);
      return { mounts: mounts.map(mountMessage) };
    },
    commit: async ({ snapshotter, name, key, labels, parent }, call) => {
      const commit = {
        name: keyOf(name, 'name'),
        key: keyOf(key),
        labels: parse(Labels, labels, 'labels'),
        ...present({ parent: parentOf(parent), lease: leaseOf(call) }),
      };
      await store.snapshotter(snapshotter).commit(tenantOf(call), commit, call);
      return {};
    },
    remove: async ({ snapshotter, key }, call) => {
      await store.snapshotter(snapshotter).remove(tenantOf(call), keyOf(key), leaseOf(call), call);
      return {};
    },
    stat: async ({ snapshotter, key }, call) => ({
      info: infoMessage(store.snapshotter(snapshotter).stat(tenantOf(call), keyOf(key))),
    }),
    update: async (request, call) => {
      const change = changeOf(request);
      const key = keyOf(request.info?.name ?? '', 'info.name');
      const updated = await store.snapshotter(request.snapshotter).update(tenantOf(call), key, change, call);
      return { info: infoMessage(updated) };
    },
    list: async function* ({ snapshotter, filters }, call) {
      const found = store.snapshotter(snapshotter).list(tenantOf(call), filters);
      for (let at = 0; at < found.length; at += batchSize) {
        yield { info: found.slice(at, at + batchSize).map(infoMessage) };
      }
    },
    usage: async ({ snapshotter, key }, call) => {
      const { bytes, inodes } = await store.snapshotter(snapshotter).usage(tenantOf(call), keyOf(key), call);
      return { size: BigInt(bytes), inodes: BigInt(inodes) };
    },
    cleanup: async ({ snapshotter }, call) => {
      await store.snapshotter(snapshotter).cleanup(call);
      return {};
    },
  };
};
