import type { Fact } from '../domain/event.ts';
import type { Digest } from '../domain/identity.ts';
import { blobsLetGo } from '../domain/let-go.ts';
import type { DomainEvent } from '../domain/world.ts';
import { perform, type Workflow } from './steps.ts';

/**
 * What must be done on the host once an event is durable: removing bytes that the log has let go of. Repeating any of it
 * is harmless, and what a crash leaves undone the sweep at boot finds.
 */
export const aftermathOf = (event: Fact<DomainEvent>): Workflow<void> | undefined => {
  switch (event.type) {
    case 'ingest-aborted':
      return perform('discard-ingest', event.data);
    case 'snapshot-removed':
      return perform('remove-snapshot-bytes', event.data);
    default:
      return undefined;
  }
};

/** The blobs whose bytes nobody holds any more after an event: those of many go together, by `remove-blob-bytes`. */
export const bytesLetGo = (event: Fact<DomainEvent>): readonly Digest[] =>
  blobsLetGo(event).flatMap(({ digest, lastHolder }) => (lastHolder ? [digest] : []));

/**
 * Whether an event takes something away that may have kept other things, so that collecting is worth while. Labels are
 * left to the collection at intervals, as in containerd: a client that labels what it has just written must find it again.
 */
export const leavesGarbage = ({ type, data }: Fact<DomainEvent>): boolean => {
  switch (type) {
    case 'image-removed':
    case 'image-updated':
    case 'container-removed':
    case 'lease-deleted':
    case 'lease-resource-removed':
      return true;
    case 'blob-removed':
    case 'snapshot-removed':
      // A collection goes on by itself until nothing is left.
      return data.cause.by === 'request';
    default:
      return false;
  }
};
