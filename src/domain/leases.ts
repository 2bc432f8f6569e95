import { z } from 'zod';
import { subject } from './envelope.ts';
import { type CommandsOf, defineEvent, type EventsOf, type Fact } from './event.ts';
import { Labels, LeaseId, Namespace, Timestamp } from './identity.ts';
import { PersistentMap } from './persistent-map.ts';
import { Rejection } from './rejection.ts';
import { RemovalCause } from './removal.ts';

// Identity: an id within a namespace.
export const leaseSubject = (namespace: Namespace, id: LeaseId) => subject('lease', namespace, id);
const keyOf = (namespace: Namespace, id: LeaseId) => `${namespace}/${id}`;

/** What a lease can hold; type and id are containerd's words. */
export const LeasedResource = z
  .object({
    /** `content` (id: digest), `snapshots/NAME` (id: key) or `ingests` (id: ref). */
    type: z.string().regex(/^(?:content|ingests|snapshots\/[A-Za-z0-9._-]+)$/),
    id: z.string().min(1).max(512),
  })
  .readonly();
export type LeasedResource = z.infer<typeof LeasedResource>;
export const resourceKey = (resource: LeasedResource) => `${resource.type}/${resource.id}`;

// Events. Names and fields are the storage format.
const holding = z.object({ namespace: Namespace, id: LeaseId, resource: LeasedResource });
export const leaseEvents = {
  'lease-created': defineEvent({
    version: 1,
    order: 'record',
    says: 'A lease was made: what it holds is safe from collection.',
    data: z.object({ namespace: Namespace, id: LeaseId, labels: Labels, expiresAt: Timestamp.optional() }),
    example: { namespace: 'default', id: 'pull-01j', labels: {}, expiresAt: 1_795_000_000_000_000 },
  }),
  'lease-resource-added': defineEvent({
    version: 1,
    order: 'record',
    says: 'A lease took hold of something.',
    data: holding,
    example: {
      namespace: 'default',
      id: 'pull-01j',
      resource: { type: 'snapshots/overlayfs', id: 'extract-1 sha256:ab' },
    },
  }),
  'lease-resource-removed': defineEvent({
    version: 1,
    order: 'record',
    says: 'A lease let go of something.',
    data: holding,
    example: { namespace: 'default', id: 'pull-01j', resource: { type: 'ingests', id: 'layer-1' } },
  }),
  'lease-deleted': defineEvent({
    version: 1,
    order: 'record',
    says: 'A lease ended, and with it its hold on everything.',
    data: z.object({ namespace: Namespace, id: LeaseId, cause: RemovalCause }),
    example: { namespace: 'default', id: 'pull-01j', cause: { by: 'request' } },
  }),
};
export type LeaseEvent = EventsOf<typeof leaseEvents>;

// State
export interface Lease {
  readonly namespace: Namespace;
  readonly id: LeaseId;
  readonly labels: Labels;
  readonly createdAt: Timestamp;
  readonly expiresAt?: Timestamp;
  readonly resources: PersistentMap<LeasedResource>;
}
export type Leases = PersistentMap<Lease>;
export const noLeases: Leases = PersistentMap.empty();
export const findLease = (state: Leases, namespace: Namespace, id: LeaseId): Lease | undefined =>
  state.get(keyOf(namespace, id));

// Evolve
export const evolveLeases = (state: Leases, event: Fact<LeaseEvent>): Leases => {
  const key = keyOf(event.data.namespace, event.data.id);
  const lease = state.get(key);
  switch (event.type) {
    case 'lease-created': {
      const { expiresAt, ...rest } = event.data;
      const createdAt = event.meta.time.wall;
      const made: Lease = { ...rest, createdAt, resources: PersistentMap.empty() };
      return state.set(key, expiresAt === undefined ? made : { ...made, expiresAt });
    }
    case 'lease-resource-added': {
      if (!lease) return state;
      const { resource } = event.data;
      return state.set(key, { ...lease, resources: lease.resources.set(resourceKey(resource), resource) });
    }
    case 'lease-resource-removed':
      if (!lease) return state;
      return state.set(key, {
        ...lease,
        resources: lease.resources.delete(resourceKey(event.data.resource)),
      });
    case 'lease-deleted':
      return state.delete(key);
    default:
      return event satisfies never;
  }
};

// Commands
export const leaseCommands = {
  'create-lease': z.object({
    namespace: Namespace,
    id: LeaseId,
    labels: Labels,
    expiresAt: Timestamp.optional(),
  }),
  'add-lease-resource': holding,
  'remove-lease-resource': holding,
  'delete-lease': z.object({ namespace: Namespace, id: LeaseId }),
  /** Ends every lease whose time has come; of some only, where it says which. */
  'expire-leases': z.object({
    now: Timestamp,
    among: z.array(z.object({ namespace: Namespace, id: LeaseId })).optional(),
  }),
};
export type LeaseCommand = CommandsOf<typeof leaseCommands>;

// Decide
export const decideLease = (command: LeaseCommand, state: Leases): readonly LeaseEvent[] | Rejection => {
  if (command.type === 'expire-leases') {
    const { now, among } = command;
    const some = among?.flatMap(({ namespace, id }) => findLease(state, namespace, id) ?? []);
    return [...(some ?? state.values())]
      .filter((lease) => lease.expiresAt !== undefined && lease.expiresAt <= now)
      .map(({ namespace, id }) => ({
        type: 'lease-deleted',
        data: { namespace, id, cause: { by: 'gc' } },
      }));
  }
  const { namespace, id } = command;
  const lease = findLease(state, namespace, id);
  if (command.type === 'create-lease') {
    if (lease)
      return new Rejection('already-exists', `lease '${id}' exists already in namespace '${namespace}'`);
    const { type: _, ...data } = command;
    return [{ type: 'lease-created', data }];
  }
  if (!lease) return new Rejection('not-found', `lease '${id}' does not exist in namespace '${namespace}'`);
  switch (command.type) {
    case 'add-lease-resource':
      return holdUnder(lease, command.resource);
    case 'remove-lease-resource': {
      const { resource } = command;
      const held = lease.resources.has(resourceKey(resource));
      return held ? [{ type: 'lease-resource-removed', data: { namespace, id, resource } }] : [];
    }
    case 'delete-lease':
      return [{ type: 'lease-deleted', data: { namespace, id, cause: { by: 'request' } } }];
    default:
      return command satisfies never;
  }
};

/** The events by which a lease takes hold of something; none where it holds it already. */
export const holdUnder = (lease: Lease, resource: LeasedResource): readonly LeaseEvent[] =>
  lease.resources.has(resourceKey(resource))
    ? []
    : [{ type: 'lease-resource-added', data: { namespace: lease.namespace, id: lease.id, resource } }];
