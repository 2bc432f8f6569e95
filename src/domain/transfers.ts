import { z } from 'zod';
import { subject } from './envelope.ts';
import { type CommandsOf, defineEvent, type EventsOf, type Fact } from './event.ts';
import { Digest, Namespace, Platform, Size, type Timestamp, TransferId } from './identity.ts';
import { PersistentMap } from './persistent-map.ts';
import { Rejection, rejectionCodes } from './rejection.ts';

// Identity: one pull, push, import or export, by a fresh id.
export const transferSubject = (namespace: Namespace, id: TransferId) => subject('transfer', namespace, id);
const keyOf = (namespace: Namespace, id: TransferId) => `${namespace}/${id}`;

// Events. Names and fields are the storage format.
const transfer = z.object({ namespace: Namespace, id: TransferId });
const started = transfer.extend({
  verb: z.enum(['pull', 'push', 'import', 'export']),
  what: z.string().max(1024).describe('image reference, or the names exported'),
  platform: Platform.optional(),
});
const it = { namespace: 'default', id: 't01j9z0' };
export const transferEvents = {
  'transfer-started': defineEvent({
    version: 1,
    order: 'record',
    says: 'A pull, push, import or export began.',
    data: started,
    example: { ...it, verb: 'pull' as const, what: 'docker.io/library/busybox:latest' },
  }),
  'transfer-finished': defineEvent({
    version: 1,
    order: 'record',
    says: 'The transfer did all it was to do.',
    data: transfer.extend({
      digest: Digest.optional().describe('of the image moved'),
      bytes: Size.describe('moved over the wire'),
    }),
    example: { ...it, digest: `sha256:${'ab'.repeat(32)}`, bytes: 2_100_000 },
  }),
  'transfer-failed': defineEvent({
    version: 2,
    order: 'record',
    says: 'The transfer ended early, and why.',
    data: transfer.extend({ code: z.enum(rejectionCodes), error: z.string().max(4096) }),
    example: { ...it, code: 'unauthenticated' as const, error: 'registry.example: 401' },
    // Codes were added.
    upcasts: [(data) => data],
  }),
};
export type TransferEvent = EventsOf<typeof transferEvents>;

// State: only what is under way; the log keeps the rest.
export type Transfer = z.infer<typeof started> & { readonly startedAt: Timestamp };
export type Transfers = PersistentMap<Transfer>;
export const noTransfers: Transfers = PersistentMap.empty();

// Evolve
export const evolveTransfers = (state: Transfers, event: Fact<TransferEvent>): Transfers => {
  const key = keyOf(event.data.namespace, event.data.id);
  switch (event.type) {
    case 'transfer-started':
      return state.set(key, { ...event.data, startedAt: event.meta.time.wall });
    case 'transfer-finished':
    case 'transfer-failed':
      return state.delete(key);
    default:
      return event satisfies never;
  }
};

// Commands
export const transferCommands = {
  'start-transfer': started,
  'finish-transfer': transferEvents['transfer-finished'].data,
  'fail-transfer': transferEvents['transfer-failed'].data,
};
export type TransferCommand = CommandsOf<typeof transferCommands>;

// Decide
export const decideTransfer = (
  command: TransferCommand,
  state: Transfers,
): readonly TransferEvent[] | Rejection => {
  const known = state.has(keyOf(command.namespace, command.id));
  switch (command.type) {
    case 'start-transfer': {
      const { type: _, ...data } = command;
      if (known) return new Rejection('already-exists', `transfer '${command.id}' exists already`);
      return [{ type: 'transfer-started', data }];
    }
    case 'finish-transfer': {
      const { type: _, ...data } = command;
      return known ? [{ type: 'transfer-finished', data }] : [];
    }
    case 'fail-transfer': {
      const { type: _, ...data } = command;
      return known ? [{ type: 'transfer-failed', data }] : [];
    }
    default:
      return command satisfies never;
  }
};
