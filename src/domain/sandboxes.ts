import { z } from 'zod';
import { AnyValue } from './any-value.ts';
import { subject } from './envelope.ts';
import { type CommandsOf, defineEvent, type EventsOf, type Fact } from './event.ts';
import { Labels, Namespace, SandboxId, type Timestamp } from './identity.ts';
import { mergeLabels } from './labels.ts';
import { PersistentMap } from './persistent-map.ts';
import { Rejection } from './rejection.ts';
import {
  decideRun,
  evolveRuns,
  noRuns,
  type SandboxRuns,
  sandboxRunCommands,
  sandboxRunEvents,
} from './sandbox-runs.ts';

// Identity: an id within a namespace. A sandbox is a record of what containers share; where its controller was told to
// create it there is a run of it too (./sandbox-runs.ts). Either may be there without the other, as in containerd.
export const sandboxSubject = (namespace: Namespace, id: SandboxId) => subject('sandbox', namespace, id);
const keyOf = (namespace: Namespace, id: SandboxId) => `${namespace}/${id}`;

// Events. Names and fields are the storage format.
const Runtime = z.object({
  name: z.string().max(4096).describe('containerd runtime name or absolute path of a shim'),
  options: AnyValue.optional().describe('for the shim'),
});
const record = z.object({
  namespace: Namespace,
  id: SandboxId,
  runtime: Runtime.describe('whose shim it runs in'),
  spec: AnyValue.optional().describe('what the shim is to make, as the client wrote it'),
  labels: Labels,
  extensions: z.record(z.string().min(1), AnyValue).describe('what clients keep with it, by name'),
  sandboxer: z.string().max(76).describe('controller that the client means to run it with; may be empty'),
});
const change = z
  .object({
    runtime: Runtime.optional(),
    spec: AnyValue.optional().describe('what the shim is to make, as the client wrote it'),
    labels: Labels.optional(),
    extensions: record.shape.extensions.optional(),
  })
  .describe('what is different now');
export type SandboxChange = z.infer<typeof change>;
const at = { namespace: 'default', id: 'pod' };
export const sandboxEvents = {
  'sandbox-created': defineEvent({
    version: 1,
    order: 'record',
    says: 'A client of containerd’s API described a sandbox: something that containers share.',
    data: record,
    example: {
      ...at,
      runtime: { name: 'io.containerd.kata.v2' },
      labels: {},
      extensions: {},
      sandboxer: 'shim',
    },
  }),
  'sandbox-updated': defineEvent({
    version: 1,
    order: 'record',
    says: 'A client changed its sandbox; each field that is here is now as it is here.',
    data: z.object({ namespace: Namespace, id: SandboxId, change }),
    example: { ...at, change: { labels: { tier: 'front' } } },
  }),
  'sandbox-removed': defineEvent({
    version: 1,
    order: 'record',
    says: 'The record of a sandbox was removed; what runs of it goes on.',
    data: z.object({ namespace: Namespace, id: SandboxId }),
    example: at,
  }),
  ...sandboxRunEvents,
};
export type SandboxEvent = EventsOf<typeof sandboxEvents>;

// State
export type SandboxRecord = z.infer<typeof record> & {
  readonly createdAt: Timestamp;
  readonly updatedAt: Timestamp;
};
export interface Sandboxes {
  readonly records: PersistentMap<SandboxRecord>;
  readonly runs: SandboxRuns;
}
export const noSandboxes: Sandboxes = { records: PersistentMap.empty(), runs: noRuns };
export const findSandbox = (
  state: Sandboxes,
  namespace: Namespace,
  id: SandboxId,
): SandboxRecord | undefined => state.records.get(keyOf(namespace, id));

// Evolve
export const evolveSandboxes = (state: Sandboxes, event: Fact<SandboxEvent>): Sandboxes => {
  const key = keyOf(event.data.namespace, event.data.id);
  const time = event.meta.time.wall;
  switch (event.type) {
    case 'sandbox-created': {
      const made = { ...event.data, createdAt: time, updatedAt: time };
      return { ...state, records: state.records.set(key, made) };
    }
    case 'sandbox-updated': {
      const found = state.records.get(key);
      if (!found) return state;
      return {
        ...state,
        records: state.records.set(key, { ...changed(found, event.data.change), updatedAt: time }),
      };
    }
    case 'sandbox-removed':
      return { ...state, records: state.records.delete(key) };
    default:
      return { ...state, runs: evolveRuns(state.runs, event) };
  }
};

const changed = <T extends z.infer<typeof record>>(of: T, to: SandboxChange): T => {
  const { runtime = of.runtime, labels = of.labels, extensions = of.extensions, spec = of.spec } = to;
  return { ...of, runtime, labels, extensions, ...(spec === undefined ? {} : { spec }) };
};

// Commands
export const sandboxCommands = {
  'create-sandbox': record,
  'update-sandbox': z.object({
    namespace: Namespace,
    id: SandboxId,
    /** Labels are over those it has; an empty value takes one away. */
    change,
  }),
  'remove-sandbox': z.object({ namespace: Namespace, id: SandboxId }),
  ...sandboxRunCommands,
};
export type SandboxCommand = CommandsOf<typeof sandboxCommands>;

// Decide
/** Characters that a record may hold, so that its event fits in the log with room for what stands around it. */
const recordLimit = 900 * 1024;

export const decideSandbox = (
  command: SandboxCommand,
  state: Sandboxes,
): readonly SandboxEvent[] | Rejection => {
  const { namespace, id } = command;
  const found = findSandbox(state, namespace, id);
  switch (command.type) {
    case 'create-sandbox': {
      const { type: _, ...data } = command;
      if (found) return new Rejection('already-exists', `sandbox "${id}": already exists`);
      return tooLarge(data) ?? [{ type: 'sandbox-created', data }];
    }
    case 'update-sandbox': {
      if (!found) return notThere(namespace, id);
      const effect = effective(found, command.change);
      if (Object.keys(effect).length === 0) return [];
      return (
        tooLarge(changed(found, effect)) ?? [
          { type: 'sandbox-updated', data: { namespace, id, change: effect } },
        ]
      );
    }
    case 'remove-sandbox':
      return found ? [{ type: 'sandbox-removed', data: { namespace, id } }] : notThere(namespace, id);
    default:
      return decideRun(command, state.runs);
  }
};

export const notThere = (namespace: Namespace, id: SandboxId): Rejection =>
  new Rejection('not-found', `sandbox "${id}" in namespace "${namespace}": not found`);

const tooLarge = (record: z.infer<(typeof sandboxCommands)['create-sandbox']>): Rejection | undefined => {
  const size = JSON.stringify(record).length;
  if (size <= recordLimit) return undefined;
  return new Rejection(
    'invalid-argument',
    `sandbox '${record.id}' with its specification, labels and extensions takes ${size} characters, more than ${recordLimit}; make it smaller: invalid argument`,
  );
};

/** The fields that really change. */
const effective = (record: SandboxRecord, { labels, ...wanted }: SandboxChange): SandboxChange => {
  const fields = Object.entries(wanted).filter(
    ([field, value]) => JSON.stringify(value) !== JSON.stringify(record[field as keyof SandboxRecord]),
  );
  const merged = labels === undefined ? record.labels : mergeLabels(record.labels, labels);
  return { ...Object.fromEntries(fields), ...(merged === record.labels ? {} : { labels: merged }) };
};
