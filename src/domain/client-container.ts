import { z } from 'zod';
import { AnyValue, jsonOf } from './any-value.ts';
import { defineEvent } from './event.ts';
import { AbsolutePath, ContainerId, Labels, Namespace } from './identity.ts';
import { mergeLabels } from './labels.ts';
import { Rejection } from './rejection.ts';

/**
 * A container whose client made its root and its specification itself, as containerd's clients do. It is kept as it was
 * given: what is in the specification is between the client and the runtime.
 */
export const clientRecord = z.object({
  namespace: Namespace,
  id: ContainerId,
  imageName: z.string().max(512).describe('what the client says it is made of; may be empty'),
  runtime: z.object({
    name: z.string().min(1).max(4096).describe('containerd runtime name or absolute path of a shim'),
    options: AnyValue.optional().describe('for the shim'),
  }),
  spec: AnyValue.describe('OCI runtime specification, as the client wrote it'),
  snapshotter: z.string().max(76).describe('empty where its root is none of ours'),
  snapshotKey: z.string().max(512).describe('its writable root; empty where that is none of ours'),
  labels: Labels,
  extensions: z.record(z.string().min(1), AnyValue).describe('what clients keep with it, by name'),
  sandbox: z.string().max(76).optional().describe('the sandbox that it runs in'),
});
export type ClientRecord = z.infer<typeof clientRecord>;

/** What may change of it, each as it is to be. */
const change = z
  .object({
    imageName: clientRecord.shape.imageName.optional(),
    spec: clientRecord.shape.spec.optional(),
    snapshotKey: clientRecord.shape.snapshotKey.optional(),
    snapshotter: clientRecord.shape.snapshotter.optional().describe('of the new root; there with its key'),
    labels: Labels.optional(),
    extensions: clientRecord.shape.extensions.optional(),
  })
  .describe('what is different now');
export type ClientChange = z.infer<typeof change>;

export const clientContainerEvents = {
  'client-container-created': defineEvent({
    version: 1,
    order: 'record',
    says: 'A client of containerd’s API described a container: its specification is the client’s own.',
    data: clientRecord,
    example: {
      namespace: 'default',
      id: 'decaf',
      imageName: 'docker.io/library/busybox:latest',
      runtime: { name: 'io.containerd.runc.v2' },
      spec: {
        typeUrl: 'types.containerd.io/opencontainers/runtime-spec/1/Spec',
        json: '{"ociVersion":"1.0.2","process":{"args":["sh"],"cwd":"/"},"root":{"path":"rootfs"}}',
      },
      snapshotter: 'overlayfs',
      snapshotKey: 'decaf',
      labels: {},
      extensions: {},
    },
  }),
  'client-container-updated': defineEvent({
    version: 1,
    order: 'record',
    says: 'A client changed its container; each field that is here is now as it is here.',
    data: z.object({ namespace: Namespace, id: ContainerId, change }),
    example: { namespace: 'default', id: 'decaf', change: { imageName: 'docker.io/library/busybox:1.36' } },
  }),
};

export const clientContainerCommands = {
  'create-client-container': clientRecord,
  'update-client-container': z.object({
    namespace: Namespace,
    id: ContainerId,
    /** Labels are over those it has; an empty value takes one away. */
    change: change.omit({ snapshotter: true }),
  }),
};

/** Characters that a record may hold, so that its event fits in the log with room for what stands around it. */
const recordLimit = 900 * 1024;

/** @returns the refusal of a record that is too large for the log */
export const tooLarge = (record: ClientRecord): Rejection | undefined => {
  const size = JSON.stringify(record).length;
  if (size <= recordLimit) return undefined;
  return new Rejection(
    'invalid-argument',
    `container '${record.id}' with its specification, labels and extensions takes ${size} characters, more than ${recordLimit}; make it smaller: invalid argument`,
  );
};

/** The fields that really change. */
export const effective = (record: ClientRecord, { labels, ...wanted }: ClientChange): ClientChange => {
  const changed = Object.entries(wanted).filter(
    ([field, value]) => JSON.stringify(value) !== JSON.stringify(record[field as keyof ClientRecord]),
  );
  const merged = labels === undefined ? record.labels : mergeLabels(record.labels, labels);
  const root = changed.some(([field]) => field === 'snapshotKey') ? { snapshotter: record.snapshotter } : {};
  return { ...Object.fromEntries(changed), ...root, ...(merged === record.labels ? {} : { labels: merged }) };
};

const Process = z.object({
  process: z.object({
    args: z.array(z.string()).default([]),
    env: z.array(z.string()).default([]),
    cwd: AbsolutePath.default('/' as AbsolutePath),
  }),
});

/** What is to be run, by its specification; nothing where that can't be read. */
export const specifiedProcess = (spec: AnyValue) => {
  const read = Process.safeParse(jsonOf(spec));
  return read.success ? read.data.process : { args: [], env: [], cwd: '/' as AbsolutePath };
};
