import { Digest, Labels, LeaseId } from '../../../domain/identity.ts';
import { LeasedResource } from '../../../domain/leases.ts';
import { Rejection } from '../../../domain/rejection.ts';
import type { LeaseInfo, LeaseStore } from '../../../engine/ports/store/leases.ts';
import type { Leases, Resource } from '../../../gen/containerd/services/leases/v1/leases_pb.ts';
import type { Service } from '../handlers.ts';
import { parse } from '../parse.ts';
import { tenantOf } from './tenancy.ts';
import { timestampOf } from './timestamp.ts';

const idOf = (text: string): LeaseId => parse(LeaseId, text, 'id');

const leaseMessage = ({ id, labels, createdAt }: LeaseInfo) => ({
  id,
  labels,
  createdAt: timestampOf(createdAt),
});

/** @throws Rejection `unimplemented` for a kind of thing that leases don't hold, `invalid-argument` where it is none at all */
const resourceOf = (message: Resource | undefined): LeasedResource => {
  const { type = '', id = '' } = message ?? {};
  const [kind = ''] = type.split('/', 1);
  if (kind !== '' && !['content', 'ingests', 'snapshots'].includes(kind)) {
    throw new Rejection('unimplemented', `resource type "${type}" not supported yet: not implemented`);
  }
  if (type === 'content') parse(Digest, id, 'resource.id');
  return parse(LeasedResource, { type, id }, 'resource');
};

export const leasesService = (store: LeaseStore): Service<typeof Leases> => ({
  create: async ({ id, labels }, call) => {
    const given = { labels: parse(Labels, labels, 'labels'), ...(id === '' ? {} : { id: idOf(id) }) };
    return { lease: leaseMessage(await store.create(tenantOf(call), given, call)) };
  },
  delete: async ({ id, sync }, call) => {
    await store.delete(tenantOf(call), idOf(id), sync, call);
    return {};
  },
  list: async ({ filters }, call) => ({ leases: store.list(tenantOf(call), filters).map(leaseMessage) }),
  addResource: async ({ id, resource }, call) => {
    await store.addResource(tenantOf(call), idOf(id), resourceOf(resource), call);
    return {};
  },
  deleteResource: async ({ id, resource }, call) => {
    await store.deleteResource(tenantOf(call), idOf(id), resourceOf(resource), call);
    return {};
  },
  listResources: async ({ id }, call) => ({ resources: [...store.resources(tenantOf(call), idOf(id))] }),
});
