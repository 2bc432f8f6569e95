import type { z } from 'zod';
import { findBlob } from '../domain/content.ts';
import type { Descriptor, IngestRef, Labels, LeaseId, Namespace, SnapshotId } from '../domain/identity.ts';
import type { ImageReference } from '../domain/image-reference.ts';
import { documentLimit } from '../domain/oci-image.ts';
import { isRejection, Rejection } from '../domain/rejection.ts';
import type { Command } from '../domain/world.ts';
import type { Applied, IngestAddress, ItemKind, RegistryInput } from './effects.ts';
import { dispatch, look, perform, type Workflow } from './steps.ts';

/** What holds the content of a transfer until a name does. */
export interface Hold {
  readonly namespace: Namespace;
  readonly lease: LeaseId;
}

/** Where a pull takes content from. */
export interface Source extends RegistryInput, Hold {}

/** A document, read from the store and checked. */
export function* readDocument<T>(descriptor: Descriptor, schema: z.ZodType<T>): Workflow<T> {
  const text = yield* perform('read-document', { digest: descriptor.digest });
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    throw new Rejection(
      'failed-precondition',
      `${descriptor.digest} is not JSON: ${(error as Error).message}`,
    );
  }
  const result = schema.safeParse(parsed);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new Rejection(
    'failed-precondition',
    `${descriptor.digest} (${descriptor.mediaType}) is malformed at '${issue?.path.join('.')}': ${issue?.message}`,
  );
}

/**
 * Brings a blob into the namespace, under the lease; what is there already is only taken hold of.
 * @returns bytes moved
 */
export function* fetchContent(
  source: Source,
  descriptor: Descriptor,
  as: ItemKind,
  labels: Labels = {},
): Workflow<number> {
  if (as !== 'layer' && descriptor.size > documentLimit) {
    throw new Rejection(
      'resource-exhausted',
      `the ${as} ${descriptor.digest} is ${descriptor.size} bytes; at most ${documentLimit} are allowed`,
    );
  }
  const announced = yield* announce(source, descriptor, as, labels);
  if (announced === undefined) return 0;
  const moved = yield* perform('fetch-blob', { ...source, descriptor, key: announced.key, as });
  yield* dispatch(announced.commit);
  return moved;
}

/** As {@link fetchContent}, for a layer that is unpacked on the way; one that is there already is not. */
export function* fetchLayer(
  source: Source,
  descriptor: Descriptor,
  labels: Labels,
  into: Into,
): Workflow<BroughtLayer> {
  const announced = yield* announce(source, descriptor, 'layer', labels);
  if (announced === undefined) return { moved: 0 };
  const { moved, applied } = yield* perform('fetch-layer', {
    ...{ ...source, descriptor, key: announced.key },
    ...into,
  });
  yield* dispatch(announced.commit);
  if (isRejection(applied)) throw applied;
  return { moved, applied };
}

/** The directory of a fresh snapshot, and the layers beneath it where they are known. */
export interface Into {
  readonly into: SnapshotId;
  readonly parents?: readonly SnapshotId[];
}

export interface BroughtLayer {
  /** Bytes. */
  readonly moved: number;
  /** Absent where it was not unpacked on the way. */
  readonly applied?: Applied | 'needs-parents';
}

/** Takes hold of a blob, or says in the log that it is about to be written. @returns what names it then; undefined where it is there */
function* announce(
  source: Source,
  descriptor: Descriptor,
  as: ItemKind,
  labels: Labels,
): Workflow<{ readonly key: IngestAddress; readonly commit: Command } | undefined> {
  const { namespace, lease } = source;
  const { digest, size } = descriptor;
  const own = { ...originLabel(source.reference), ...labels };
  if (yield* holdContent(source, descriptor, as, own)) return undefined;
  const ref = `fetch-${digest}` as IngestRef;
  yield* dispatch({ type: 'start-ingest', namespace, ref, digest, size, lease });
  const commit = { type: 'commit-blob', namespace, digest, size, labels: own, lease, ref } as const;
  return { key: { namespace, ref }, commit };
}

/** Takes hold of a blob that the namespace has. @returns whether it has it */
export function* holdContent(
  { namespace, lease }: Hold,
  { digest, mediaType, size }: Descriptor,
  as: ItemKind,
  labels: Labels = {},
): Workflow<boolean> {
  if (!findBlob((yield* look()).content, namespace, digest)) return false;
  yield* dispatch({ type: 'commit-blob', namespace, digest, size, labels, lease });
  const item = { kind: 'item', digest, mediaType, as } as const;
  yield* perform('report', { ...item, status: 'exists', offset: size, total: size });
  return true;
}

/** Name of the label that remembers repositories of a registry that hold a blob. As in containerd, the port is left out. */
export const originLabelName = (registry: string): string =>
  `containerd.io/distribution.source.${registry.replace(/:\d+$/, '')}`;

/** Remembers which repository a blob came from, so that a push to the same registry can mount it; containerd's label. */
export const originLabel = ({ registry, repository }: ImageReference): Labels => ({
  [originLabelName(registry)]: repository,
});
