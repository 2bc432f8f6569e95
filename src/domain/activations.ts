import { z } from 'zod';
import { ClientMount } from './client-order.ts';
import { subject } from './envelope.ts';
import { type CommandsOf, defineEvent, type EventsOf, type Fact } from './event.ts';
import { ActivationId, ActivationName, Labels, LeaseId, Namespace, Timestamp } from './identity.ts';
import { mergeLabels } from './labels.ts';
import { findLease, type Leases } from './leases.ts';
import { PersistentMap } from './persistent-map.ts';
import { Rejection } from './rejection.ts';
import { RemovalCause } from './removal.ts';

// Identity: a name within a namespace; and, for its folder on disk, an id that is never used again. An activation is a
// list of mounts of which Shiplog holds the first ones mounted, so that the rest can refer to where those are.
export const activationSubject = (namespace: Namespace, name: ActivationName) =>
  subject('activation', namespace, name);
const keyOf = (namespace: Namespace, name: ActivationName) => `${namespace}/${name}`;

// Events. Names and fields are the storage format.
const ref = z.object({ namespace: Namespace, name: ActivationName });
const mounts = z.array(ClientMount).max(256);
const made = z
  .object({
    mount: ClientMount.describe('as it was mounted, templates filled in'),
    point: z.string().max(4096).describe('absolute path where it is mounted'),
    at: Timestamp.describe('when, in microseconds since the Unix epoch'),
  })
  .readonly();
const it = { namespace: 'default', name: 'image-1' };
const image = { type: 'erofs', source: '/var/lib/image', target: '', options: ['ro'] };
const folder = '/run/shiplog/mounts/01j9z0';
export const activationEvents = {
  'activation-requested': defineEvent({
    version: 1,
    order: 'intent',
    says: 'Mounts are about to be made for a client of containerd’s API.',
    data: ref.extend({
      id: ActivationId.describe('of its folder'),
      mounts: mounts.describe('as the client gave them, with prefixes and templates'),
      temporary: z.boolean().describe('all of them are to be made, the last one too'),
      labels: Labels,
      lease: LeaseId.optional().describe(
        'the lease that it ends with; it stays until it is removed when absent',
      ),
    }),
    example: {
      ...it,
      id: '01j9z0',
      mounts: [
        image,
        { type: 'format/overlay', source: 'overlay', target: '', options: ['lowerdir={{ mount 0 }}'] },
      ],
      temporary: false,
      labels: {},
    },
  }),
  'activation-made': defineEvent({
    version: 1,
    order: 'outcome',
    says: 'The mounts are made; what is left for the client to mount is told.',
    data: ref.extend({
      active: z.array(made).max(256).describe('mounts that are made, in order'),
      system: mounts.describe('mounts for the client to make, templates filled in'),
    }),
    example: {
      ...it,
      active: [{ mount: image, point: `${folder}/1`, at: 1_795_000_000_000_000 }],
      system: [{ type: 'overlay', source: 'overlay', target: '', options: [`lowerdir=${folder}/1`] }],
    },
  }),
  'activation-failed': defineEvent({
    version: 1,
    order: 'outcome',
    says: 'A mount could not be made; those before it were taken away again.',
    data: ref.extend({ error: z.string().max(4096) }),
    example: { ...it, error: 'mount erofs: no such device' },
  }),
  'activation-labelled': defineEvent({
    version: 1,
    order: 'record',
    says: 'The labels of activated mounts were replaced.',
    data: ref.extend({ labels: Labels }),
    example: { ...it, labels: { used: 'yes' } },
  }),
  'activation-removed': defineEvent({
    version: 1,
    order: 'removing',
    says: 'Activated mounts were let go of; they are unmounted after this.',
    data: ref.extend({ id: ActivationId.describe('of its folder'), cause: RemovalCause }),
    example: { ...it, id: '01j9z0', cause: { by: 'request' } },
  }),
};
export type ActivationEvent = EventsOf<typeof activationEvents>;

// State
export interface Activation {
  readonly namespace: Namespace;
  readonly name: ActivationName;
  readonly id: ActivationId;
  readonly status: 'mounting' | 'mounted';
  readonly labels: Labels;
  readonly lease?: LeaseId;
  readonly active: readonly z.infer<typeof made>[];
  readonly system: readonly ClientMount[];
  readonly createdAt: Timestamp;
  readonly updatedAt: Timestamp;
}
export type Activations = PersistentMap<Activation>;
export const noActivations: Activations = PersistentMap.empty();
export const findActivation = (
  state: Activations,
  namespace: Namespace,
  name: ActivationName,
): Activation | undefined => state.get(keyOf(namespace, name));

// Evolve
export const evolveActivations = (state: Activations, event: Fact<ActivationEvent>): Activations => {
  const { namespace, name } = event.data;
  const key = keyOf(namespace, name);
  const found = state.get(key);
  const at = event.meta.time.wall;
  switch (event.type) {
    case 'activation-requested': {
      const { id, labels, lease } = event.data;
      return state.set(key, {
        ...{ namespace, name, id, labels, status: 'mounting', active: [], system: [] },
        ...(lease === undefined ? {} : { lease }),
        ...{ createdAt: at, updatedAt: at },
      });
    }
    case 'activation-made': {
      const { active, system } = event.data;
      return found ? state.set(key, { ...found, status: 'mounted', active, system, updatedAt: at }) : state;
    }
    case 'activation-labelled':
      return found ? state.set(key, { ...found, labels: event.data.labels, updatedAt: at }) : state;
    case 'activation-failed':
    case 'activation-removed':
      return state.delete(key);
    default:
      return event satisfies never;
  }
};

// Commands
export const activationCommands = {
  'request-activation': activationEvents['activation-requested'].data,
  'confirm-activation': activationEvents['activation-made'].data,
  'fail-activation': activationEvents['activation-failed'].data,
  /** Labels are over those it has; an empty value takes one away. */
  'label-activation': ref.extend({ labels: Labels }),
  'remove-activation': ref.extend({ cause: RemovalCause }),
};
export type ActivationCommand = CommandsOf<typeof activationCommands>;

// Decide
export const decideActivation = (
  command: ActivationCommand,
  state: Activations,
  leases: Leases,
): readonly ActivationEvent[] | Rejection => {
  const { namespace, name } = command;
  const found = findActivation(state, namespace, name);
  if (command.type === 'request-activation') {
    const { type: _, ...data } = command;
    if (found) return new Rejection('already-exists', `mount "${name}": already exists`);
    if (data.lease !== undefined && !findLease(leases, namespace, data.lease)) {
      return new Rejection('not-found', `lease '${data.lease}' does not exist in namespace '${namespace}'`);
    }
    return [{ type: 'activation-requested', data }];
  }
  if (!found) return new Rejection('not-found', `mount "${name}": not found`);
  switch (command.type) {
    case 'confirm-activation': {
      const { type: _, ...data } = command;
      return [{ type: 'activation-made', data }];
    }
    case 'fail-activation': {
      const { type: _, ...data } = command;
      return [{ type: 'activation-failed', data }];
    }
    case 'label-activation': {
      const labels = mergeLabels(found.labels, command.labels);
      return labels === found.labels
        ? []
        : [{ type: 'activation-labelled', data: { namespace, name, labels } }];
    }
    case 'remove-activation': {
      const { id } = found;
      return [{ type: 'activation-removed', data: { namespace, name, id, cause: command.cause } }];
    }
    default:
      return command satisfies never;
  }
};
