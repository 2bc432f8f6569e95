import { LeaseId, type Namespace } from '../../domain/identity.ts';
import { expiryOf, mergeLabels } from '../../domain/labels.ts';
import { findLease, type Lease, resourceKey } from '../../domain/leases.ts';
import { Rejection } from '../../domain/rejection.ts';
import type { World } from '../../domain/world.ts';
import type { LeaseStore } from '../ports/store/leases.ts';
import { collectAfter } from './collect-after.ts';
import type { StoreParts } from './parts.ts';
import { filtered, leaseFields, meant, named } from './select.ts';

export const leaseStore = (parts: StoreParts): LeaseStore => {
  const { ledger, ports } = parts;
  const find = (world: World, namespace: Namespace, id: LeaseId): Lease => {
    const lease = findLease(world.lease, namespace, id);
    if (lease) return lease;
    throw new Rejection('not-found', `lease "${id}": not found`);
  };
  return {
    create: async (namespace, { id = LeaseId.parse(ports.names.sortable()), labels }, { cause }) => {
      if (findLease(ledger.head.world.lease, namespace, id)) {
        throw new Rejection('already-exists', `lease "${id}": already exists`);
      }
      const given = mergeLabels({}, labels);
      const expiresAt = expiryOf(given);
      const until = expiresAt === undefined ? {} : { expiresAt };
      await ledger.dispatch([{ type: 'create-lease', namespace, id, labels: given, ...until }], cause);
      return find(ledger.durable.world, namespace, id);
    },
    delete: async (namespace, id, sync, { cause }) => {
      find(ledger.head.world, namespace, id);
      const removal = await ledger.dispatch([{ type: 'delete-lease', namespace, id }], cause);
      if (sync) await collectAfter(parts, removal, cause);
    },
    list: (namespace, filters) => {
      const known = ledger.durable.world.lease;
      const leases = meant(
        filters,
        'id',
        named(LeaseId, (id) => findLease(known, namespace, id)),
        () => [...known.values()].filter((lease) => lease.namespace === namespace),
      );
      return filtered(leases, filters, leaseFields).sort((a, b) => (a.id < b.id ? -1 : 1));
    },
    addResource: async (namespace, id, resource, { cause }) => {
      find(ledger.head.world, namespace, id);
      await ledger.dispatch([{ type: 'add-lease-resource', namespace, id, resource }], cause);
    },
    deleteResource: async (namespace, id, resource, { cause }) => {
      find(ledger.head.world, namespace, id);
      await ledger.dispatch([{ type: 'remove-lease-resource', namespace, id, resource }], cause);
    },
    resources: (namespace, id) =>
      [...find(ledger.durable.world, namespace, id).resources.values()].sort((a, b) =>
        resourceKey(a) < resourceKey(b) ? -1 : 1,
      ),
  };
};
