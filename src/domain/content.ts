import { z } from 'zod';
import { type Subject, subject } from './envelope.ts';
import { type CommandsOf, defineEvent, type EventsOf, type Fact } from './event.ts';
import { Digest, IngestRef, Labels, LeaseId, Namespace, Size, type Timestamp } from './identity.ts';
import { joined } from './joined.ts';
import { mergeLabels } from './labels.ts';
import { findLease, holdUnder, type LeaseEvent, type Leases } from './leases.ts';
import { namespaceSubject } from './namespaces.ts';
import { PersistentMap } from './persistent-map.ts';
import { Rejection } from './rejection.ts';
import { FreedBy, RemovalCause } from './removal.ts';

// Identity: a blob is its digest, an ingest its ref, each within a namespace. The bytes of a blob are shared: they
// are freed when the last namespace that names them lets go.
export const blobSubject = (namespace: Namespace, digest: Digest) => subject('blob', namespace, digest);
export const ingestSubject = (namespace: Namespace, ref: IngestRef) => subject('ingest', namespace, ref);
const blobKey = (namespace: Namespace, digest: Digest) => joined(namespace, digest);
const ingestKey = (namespace: Namespace, ref: IngestRef) => `${namespace}/${ref}`;

/** Blobs that one event lets go of at most. */
export const mostCollected = 256;

// Events. Names and fields are the storage format.
const exampleDigest = `sha256:${'ab'.repeat(32)}`;
export const contentEvents = {
  'ingest-started': defineEvent({
    version: 1,
    order: 'record',
    says: 'A write of content began, or was taken up again.',
    data: z.object({
      namespace: Namespace,
      ref: IngestRef,
      digest: Digest.optional().describe('what it is expected to become'),
      size: Size.optional().describe('bytes expected'),
    }),
    example: { namespace: 'default', ref: 'layer-1', digest: exampleDigest, size: 1024 },
  }),
  'ingest-aborted': defineEvent({
    version: 1,
    order: 'removing',
    says: 'An unfinished write was given up; its bytes are thrown away.',
    data: z.object({ namespace: Namespace, ref: IngestRef, cause: RemovalCause }),
    example: { namespace: 'default', ref: 'layer-1', cause: { by: 'request' } },
  }),
  'blob-committed': defineEvent({
    version: 1,
    order: 'making',
    says: 'The bytes of a blob are verified and on stable storage; the ingest named by ref, if any, became it.',
    data: z.object({
      namespace: Namespace,
      digest: Digest,
      size: Size.describe('bytes as stored'),
      labels: Labels,
      ref: IngestRef.optional(),
    }),
    example: { namespace: 'default', digest: exampleDigest, size: 1024, labels: {}, ref: 'layer-1' },
  }),
  'blob-labelled': defineEvent({
    version: 1,
    order: 'record',
    says: 'The labels of a blob were replaced; those that name other things are references.',
    data: z.object({ namespace: Namespace, digest: Digest, labels: Labels }),
    example: {
      namespace: 'default',
      digest: exampleDigest,
      labels: { 'containerd.io/gc.ref.content.config': `sha256:${'cd'.repeat(32)}` },
    },
  }),
  'blob-removed': defineEvent({
    version: 1,
    order: 'removing',
    says: 'A namespace let go of a blob; with the last holder its bytes are removed.',
    data: z.object({
      namespace: Namespace,
      digest: Digest,
      size: Size,
      lastHolder: z.boolean().describe('no other namespace holds the bytes'),
      cause: RemovalCause,
    }),
    example: {
      namespace: 'default',
      digest: exampleDigest,
      size: 1024,
      lastHolder: true,
      cause: { by: 'gc', freedBy: '41' },
    },
  }),
  'blobs-collected': defineEvent({
    version: 1,
    order: 'removing',
    says: 'A namespace let go of many blobs that nothing kept any more; the bytes of those with no other holder are removed.',
    data: z.object({
      namespace: Namespace,
      blobs: z
        .array(
          z.object({
            digest: Digest,
            size: Size,
            lastHolder: z.boolean().describe('no other namespace holds the bytes'),
            freedBy: FreedBy.describe('position of the event that took its last reference away'),
          }),
        )
        .min(1)
        .max(mostCollected)
        .readonly()
        .describe('what went together; each is found under its own subject too'),
    }),
    example: {
      namespace: 'default',
      blobs: [{ digest: exampleDigest, size: 1024, lastHolder: true, freedBy: '41' }],
    },
  }),
};
export type ContentEvent = EventsOf<typeof contentEvents>;

export type CollectedBlob = Extract<ContentEvent, { type: 'blobs-collected' }>['data']['blobs'][number];

/** The blob or the ingest that an event is about; of many blobs, their namespace. */
export const contentSubject = (event: ContentEvent): Subject => {
  switch (event.type) {
    case 'ingest-started':
    case 'ingest-aborted':
      return ingestSubject(event.data.namespace, event.data.ref);
    case 'blob-committed':
    case 'blob-labelled':
    case 'blob-removed':
      return blobSubject(event.data.namespace, event.data.digest);
    case 'blobs-collected':
      return namespaceSubject(event.data.namespace);
    default:
      return event satisfies never;
  }
};

// State
export interface Blob {
  readonly namespace: Namespace;
  readonly digest: Digest;
  readonly size: number;
  readonly labels: Labels;
  readonly createdAt: Timestamp;
  readonly updatedAt: Timestamp;
}
export interface IngestRecord {
  readonly namespace: Namespace;
  readonly ref: IngestRef;
  readonly digest?: Digest;
  readonly size?: number;
  readonly startedAt: Timestamp;
}
export interface Content {
  readonly blobs: PersistentMap<Blob>;
  readonly ingests: PersistentMap<IngestRecord>;
  /** How many namespaces hold each digest. */
  readonly holders: PersistentMap<number>;
}
export const noContent: Content = {
  blobs: PersistentMap.empty(),
  ingests: PersistentMap.empty(),
  holders: PersistentMap.empty(),
};
export const findBlob = (state: Content, namespace: Namespace, digest: Digest): Blob | undefined =>
  state.blobs.get(blobKey(namespace, digest));
export const findIngest = (state: Content, namespace: Namespace, ref: IngestRef): IngestRecord | undefined =>
  state.ingests.get(ingestKey(namespace, ref));
/** Whether any namespace holds the bytes. */
export const isHeld = (state: Content, digest: Digest): boolean => state.holders.has(digest);

// Evolve
const committed = (
  state: Content,
  event: Fact<Extract<ContentEvent, { type: 'blob-committed' }>>,
): Content => {
  const { namespace, digest, size, labels, ref } = event.data;
  const key = blobKey(namespace, digest);
  const at = event.meta.time.wall;
  const blob: Blob = { namespace, digest, size, labels, createdAt: at, updatedAt: at };
  const held = state.blobs.has(key);
  return {
    blobs: state.blobs.set(key, blob),
    ingests: ref === undefined ? state.ingests : state.ingests.delete(ingestKey(namespace, ref)),
    holders: held ? state.holders : state.holders.set(digest, (state.holders.get(digest) ?? 0) + 1),
  };
};

const removed = (state: Content, namespace: Namespace, digest: Digest): Content => {
  const holders = (state.holders.get(digest) ?? 1) - 1;
  return {
    ...state,
    blobs: state.blobs.delete(blobKey(namespace, digest)),
    holders: holders === 0 ? state.holders.delete(digest) : state.holders.set(digest, holders),
  };
};

const collected = (state: Content, namespace: Namespace, gone: readonly CollectedBlob[]): Content => {
  const blobs = new Map<string, undefined>();
  const holders = new Map<string, number | undefined>();
  for (const { digest, lastHolder } of gone) {
    blobs.set(blobKey(namespace, digest), undefined);
    const left = lastHolder ? 0 : (state.holders.get(digest) ?? 1) - 1;
    holders.set(digest, left === 0 ? undefined : left);
  }
  return { ...state, blobs: state.blobs.with(blobs), holders: state.holders.with(holders) };
};

export const evolveContent = (state: Content, event: Fact<ContentEvent>): Content => {
  const { namespace } = event.data;
  switch (event.type) {
    case 'ingest-started': {
      const record = { ...event.data, startedAt: event.meta.time.wall } as IngestRecord;
      return { ...state, ingests: state.ingests.set(ingestKey(namespace, event.data.ref), record) };
    }
    case 'ingest-aborted':
      return { ...state, ingests: state.ingests.delete(ingestKey(namespace, event.data.ref)) };
    case 'blob-committed':
      return committed(state, event);
    case 'blob-labelled': {
      const blob = findBlob(state, namespace, event.data.digest);
      if (!blob) return state;
      const labelled = { ...blob, labels: event.data.labels, updatedAt: event.meta.time.wall };
      return { ...state, blobs: state.blobs.set(blobKey(namespace, blob.digest), labelled) };
    }
    case 'blob-removed':
      return removed(state, namespace, event.data.digest);
    case 'blobs-collected':
      return collected(state, namespace, event.data.blobs);
    default:
      return event satisfies never;
  }
};

// Commands
export const contentCommands = {
  'start-ingest': z.object({
    namespace: Namespace,
    ref: IngestRef,
    digest: Digest.optional(),
    size: Size.optional(),
    lease: LeaseId.optional(),
  }),
  'abort-ingest': z.object({ namespace: Namespace, ref: IngestRef, cause: RemovalCause }),
  /** The bytes are verified and synced; the log may say so. */
  'commit-blob': z.object({
    namespace: Namespace,
    digest: Digest,
    size: Size,
    labels: Labels,
    ref: IngestRef.optional(),
    lease: LeaseId.optional(),
  }),
  'label-blob': z.object({ namespace: Namespace, digest: Digest, labels: Labels }),
  'remove-blob': z.object({ namespace: Namespace, digest: Digest, cause: RemovalCause }),
  /** Blobs that nothing keeps, together. */
  'collect-blobs': z.object({
    namespace: Namespace,
    blobs: z
      .array(z.object({ digest: Digest, freedBy: FreedBy }))
      .min(1)
      .max(mostCollected)
      .readonly(),
  }),
};
export type ContentCommand = CommandsOf<typeof contentCommands>;

// Decide
const held = (
  leases: Leases,
  namespace: Namespace,
  id: LeaseId | undefined,
  resource: { type: string; id: string },
): readonly LeaseEvent[] | Rejection => {
  if (id === undefined) return [];
  const lease = findLease(leases, namespace, id);
  return lease
    ? holdUnder(lease, resource)
    : new Rejection('not-found', `lease '${id}' does not exist in namespace '${namespace}'`);
};

const decideCommit = (
  command: Extract<ContentCommand, { type: 'commit-blob' }>,
  state: Content,
  leases: Leases,
): readonly (ContentEvent | LeaseEvent)[] | Rejection => {
  const { type: _, lease, ...data } = command;
  const hold = held(leases, data.namespace, lease, { type: 'content', id: data.digest });
  if (hold instanceof Rejection) return hold;
  const blob = findBlob(state, data.namespace, data.digest);
  if (!blob) return [{ type: 'blob-committed', data }, ...hold];
  const labels = mergeLabels(blob.labels, data.labels);
  const relabel: ContentEvent[] =
    labels === blob.labels
      ? []
      : [{ type: 'blob-labelled', data: { namespace: data.namespace, digest: data.digest, labels } }];
  const ended: ContentEvent[] =
    data.ref !== undefined && findIngest(state, data.namespace, data.ref)
      ? [
          {
            type: 'ingest-aborted',
            data: { namespace: data.namespace, ref: data.ref, cause: { by: 'request' } },
          },
        ]
      : [];
  return [...relabel, ...ended, ...hold];
};

const decideCollection = (
  { namespace, blobs }: Extract<ContentCommand, { type: 'collect-blobs' }>,
  state: Content,
): readonly ContentEvent[] | Rejection => {
  const gone = new Map<Digest, CollectedBlob>();
  for (const { digest, ...freed } of blobs) {
    const blob = findBlob(state, namespace, digest);
    if (!blob) return noBlob(namespace, digest);
    const { size } = blob;
    gone.set(digest, { digest, size, lastHolder: state.holders.get(digest) === 1, ...freed });
  }
  return [{ type: 'blobs-collected', data: { namespace, blobs: [...gone.values()] } }];
};

export const decideContent = (
  command: ContentCommand,
  state: Content,
  leases: Leases,
): readonly (ContentEvent | LeaseEvent)[] | Rejection => {
  const { namespace } = command;
  switch (command.type) {
    case 'start-ingest': {
      const { type: _, lease, ...data } = command;
      const hold = held(leases, namespace, lease, { type: 'ingests', id: command.ref });
      if (hold instanceof Rejection) return hold;
      return findIngest(state, namespace, command.ref) ? hold : [{ type: 'ingest-started', data }, ...hold];
    }
    case 'abort-ingest': {
      const { type: _, ...data } = command;
      return findIngest(state, namespace, command.ref)
        ? [{ type: 'ingest-aborted', data }]
        : new Rejection('not-found', `no write under ref '${command.ref}' in namespace '${namespace}'`);
    }
    case 'commit-blob':
      return decideCommit(command, state, leases);
    case 'label-blob': {
      const blob = findBlob(state, namespace, command.digest);
      if (!blob) return noBlob(namespace, command.digest);
      const labels = mergeLabels(blob.labels, command.labels);
      const { digest } = blob;
      return labels === blob.labels ? [] : [{ type: 'blob-labelled', data: { namespace, digest, labels } }];
    }
    case 'remove-blob': {
      const blob = findBlob(state, namespace, command.digest);
      if (!blob) return noBlob(namespace, command.digest);
      const { digest, size } = blob;
      const lastHolder = state.holders.get(digest) === 1;
      return [{ type: 'blob-removed', data: { namespace, digest, size, lastHolder, cause: command.cause } }];
    }
    case 'collect-blobs':
      return decideCollection(command, state);
    default:
      return command satisfies never;
  }
};

const noBlob = (namespace: Namespace, digest: Digest) =>
  new Rejection('not-found', `content ${digest} does not exist in namespace '${namespace}'`);
