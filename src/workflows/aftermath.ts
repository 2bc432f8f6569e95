import type { Fact } from '../domain/event.ts';
import type { DomainEvent } from '../domain/world.ts';
import { perform, type Workflow } from './steps.ts';

/**
 * What must be done on the host once an event is durable: removing bytes that the log has let go of. Repeating any of it
 * is harmless, and what a crash leaves undone the sweep at boot finds.
 */
export const aftermathOf = (event: Fact<DomainEvent>): Workflow<void> | undefined => {
  switch (event.type) {
    case 'blob-removed':
      return event.data.lastHolder ? perform('remove-blob-bytes', { digest: event.data.digest }) : undefined;
    case 'ingest-aborted':
      return perform('discard-ingest', event.data);
    case 'snapshot-removed':
      return perform('remove-snapshot-bytes', { id: event.data.id });
    default:
      return undefined;
  }
};

/** Whether an event can have left something unreferenced, so that collecting is worth while. */
export const leavesGarbage = ({ type }: Fact<DomainEvent>): boolean =>
  type === 'image-removed' ||
  type === 'image-updated' ||
  type === 'container-removed' ||
  type === 'lease-deleted' ||
  type === 'lease-resource-removed' ||
  type === 'blob-labelled' ||
  type === 'snapshot-labelled';
