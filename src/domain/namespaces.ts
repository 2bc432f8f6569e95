import { z } from 'zod';
import { subject } from './envelope.ts';
import { type CommandsOf, defineEvent, type EventsOf, type Fact } from './event.ts';
import { Labels, Namespace, type Timestamp } from './identity.ts';
import { mergeLabels } from './labels.ts';
import { PersistentMap } from './persistent-map.ts';
import { Rejection } from './rejection.ts';

// Identity: a namespace is its name. Nothing has to be created before it is used: the first thing in a namespace brings
// it into being, as with containerd's clients; a record is kept only for labels and for being listed while empty.
export const namespaceSubject = (namespace: Namespace) => subject('namespace', namespace, namespace);

// Events. Names and fields are the storage format.
export const namespaceEvents = {
  'namespace-created': defineEvent({
    version: 1,
    order: 'record',
    says: 'A namespace was made, with its labels.',
    data: z.object({ namespace: Namespace, labels: Labels }),
    example: { namespace: 'default', labels: {} },
  }),
  'namespace-labelled': defineEvent({
    version: 1,
    order: 'record',
    says: 'The labels of a namespace were replaced.',
    data: z.object({ namespace: Namespace, labels: Labels }),
    example: { namespace: 'default', labels: { team: 'ledger' } },
  }),
  'namespace-removed': defineEvent({
    version: 1,
    order: 'removing',
    says: 'An empty namespace was removed.',
    data: z.object({ namespace: Namespace }),
    example: { namespace: 'build' },
  }),
};
export type NamespaceEvent = EventsOf<typeof namespaceEvents>;

// State
export interface NamespaceRecord {
  readonly namespace: Namespace;
  readonly labels: Labels;
  readonly createdAt: Timestamp;
}
export type Namespaces = PersistentMap<NamespaceRecord>;
export const noNamespaces: Namespaces = PersistentMap.empty();

// Evolve
export const evolveNamespaces = (state: Namespaces, event: Fact<NamespaceEvent>): Namespaces => {
  const { namespace } = event.data;
  switch (event.type) {
    case 'namespace-created':
      return state.set(namespace, { namespace, labels: event.data.labels, createdAt: event.meta.time.wall });
    case 'namespace-labelled': {
      const record = state.get(namespace);
      return record === undefined ? state : state.set(namespace, { ...record, labels: event.data.labels });
    }
    case 'namespace-removed':
      return state.delete(namespace);
    default:
      return event satisfies never;
  }
};

// Commands
export const namespaceCommands = {
  'create-namespace': z.object({ namespace: Namespace, labels: Labels }),
  'label-namespace': z.object({
    namespace: Namespace,
    /** Merged into the labels there are; an empty value takes a label away. */
    labels: Labels,
  }),
  'remove-namespace': z.object({ namespace: Namespace }),
};
export type NamespaceCommand = CommandsOf<typeof namespaceCommands>;

// Decide
/** @param population how many things of other kinds live in the namespace */
export const decideNamespace = (
  command: NamespaceCommand,
  state: Namespaces,
  population: number,
): readonly NamespaceEvent[] | Rejection => {
  const { namespace } = command;
  const record = state.get(namespace);
  switch (command.type) {
    case 'create-namespace':
      if (record) return new Rejection('already-exists', `namespace "${namespace}": already exists`);
      return [{ type: 'namespace-created', data: { namespace, labels: command.labels } }];
    case 'label-namespace': {
      if (!record) return [{ type: 'namespace-created', data: { namespace, labels: command.labels } }];
      const labels = mergeLabels(record.labels, command.labels);
      return labels === record.labels ? [] : [{ type: 'namespace-labelled', data: { namespace, labels } }];
    }
    case 'remove-namespace':
      if (!record) return new Rejection('not-found', `namespace '${namespace}' does not exist`);
      if (population > 0) {
        return new Rejection(
          'failed-precondition',
          `namespace '${namespace}' still holds ${population} things; remove its containers, images, leases and snapshots first`,
        );
      }
      return [{ type: 'namespace-removed', data: { namespace } }];
    default:
      return command satisfies never;
  }
};
