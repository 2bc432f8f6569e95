import type { MessageInitShape } from '@bufbuild/protobuf';
import type { Blob, Lease, NamespaceView, ResourcesApi, Snapshot } from '../../engine/ports/resources-api.ts';
import type {
  BlobSchema,
  LeaseSchema,
  NamespaceEntrySchema,
  Resources,
  SnapshotSchema,
} from '../../gen/shiplog/v1/resources_pb.ts';
import type { At as WireAt } from '../../gen/shiplog/v1/types_pb.ts';
import { atOf, atRequired } from './at.ts';
import type { Service } from './handlers.ts';
import { namespaceOf, present } from './parse.ts';

const snapshotMessage = (snapshot: Snapshot): MessageInitShape<typeof SnapshotSchema> => ({
  key: snapshot.key,
  kind: snapshot.kind,
  parent: snapshot.parent ?? '',
  snapshotter: snapshot.snapshotter,
  ...(snapshot.usage === undefined
    ? {}
    : { size: BigInt(snapshot.usage.bytes), inodes: BigInt(snapshot.usage.inodes) }),
  createdUs: BigInt(snapshot.createdAt),
  updatedUs: BigInt(snapshot.updatedAt),
  labels: { ...snapshot.labels },
  children: snapshot.children,
});

const blobMessage = (blob: Blob): MessageInitShape<typeof BlobSchema> => ({
  digest: blob.digest,
  size: BigInt(blob.size),
  labels: { ...blob.labels },
  createdUs: BigInt(blob.createdAt),
  updatedUs: BigInt(blob.updatedAt),
});

const leaseMessage = (lease: Lease): MessageInitShape<typeof LeaseSchema> => ({
  id: lease.id,
  labels: { ...lease.labels },
  createdUs: BigInt(lease.createdAt),
  ...(lease.expiresAt === undefined ? {} : { expiresUs: BigInt(lease.expiresAt) }),
  resources: [...lease.resources.values()].map(({ type, id }) => ({ type, id })),
});

const namespaceMessage = ({
  namespace,
  labels,
  ...counts
}: NamespaceView): MessageInitShape<typeof NamespaceEntrySchema> => ({
  name: namespace,
  labels: { ...labels },
  ...counts,
});

const queryOf = (request: { filters: readonly string[]; at?: WireAt | undefined }) => ({
  filters: request.filters,
  ...present({ at: atOf(request.at) }),
});

async function* each<T, U>(items: Promise<readonly T[]>, message: (item: T) => U): AsyncGenerator<U> {
  for (const item of await items) yield message(item);
}

export const resourcesService = (api: ResourcesApi): Service<typeof Resources> => ({
  moment: async ({ at }) => {
    const { position, time } = await api.moment(atRequired(at));
    return { position, timeUs: BigInt(time ?? 0) };
  },
  snapshots: (request, { signal }) =>
    each(
      api.snapshots({ namespace: namespaceOf(request.namespace), ...queryOf(request) }, signal),
      snapshotMessage,
    ),
  content: (request, { signal }) =>
    each(
      api.content({ namespace: namespaceOf(request.namespace), ...queryOf(request) }, signal),
      blobMessage,
    ),
  leases: (request, { signal }) =>
    each(
      api.leases({ namespace: namespaceOf(request.namespace), ...queryOf(request) }, signal),
      leaseMessage,
    ),
  namespaces: (request, { signal }) => each(api.namespaces(queryOf(request), signal), namespaceMessage),
});
