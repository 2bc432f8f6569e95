import { blobSubject } from '../domain/content.ts';
import type { Subject } from '../domain/envelope.ts';
import type { Fact } from '../domain/event.ts';
import type { Position } from '../domain/identity.ts';
import type { DomainEvent } from '../domain/world.ts';
import type { Edge } from './reference-graph.ts';
import { pathFromRoot, type References } from './references.ts';

/** What keeps a thing, or that nothing does. */
export interface Why {
  readonly subject: Subject;
  /** Whether it is here. */
  readonly exists: boolean;
  /** Whether something keeps it from collection. */
  readonly kept: boolean;
  /** From a root down to the thing; empty where it is a root itself or nothing keeps it. */
  readonly path: readonly Edge[];
  /** Where it is here and nothing keeps it: the event that took its last keeper away, if it ever had one. */
  readonly freedBy?: Position;
}

export const why = (references: References, subject: Subject): Why => {
  const node = references.nodes.get(subject);
  const path = pathFromRoot(references, subject);
  if (path) return { subject, exists: true, kept: true, path };
  const lost = node?.lost;
  return {
    subject,
    exists: node !== undefined,
    kept: false,
    path: [],
    ...(lost === undefined ? {} : { freedBy: lost }),
  };
};

type Subjects = ReadonlySet<Subject>;

const removals = (event: Fact<DomainEvent>, of: Subjects): readonly Position[] | undefined => {
  switch (event.type) {
    case 'blobs-collected': {
      const { namespace, blobs } = event.data;
      const freed = blobs.find(({ digest }) => of.has(blobSubject(namespace, digest)))?.freedBy;
      return freed === undefined ? [event.position] : [BigInt(freed) as Position, event.position];
    }
    case 'blob-removed':
    case 'snapshot-removed':
    case 'ingest-aborted':
    case 'lease-deleted': {
      const { cause } = event.data;
      if (cause.by !== 'gc' || cause.freedBy === undefined) return [event.position];
      return [BigInt(cause.freedBy) as Position, event.position];
    }
    case 'image-removed':
    case 'container-removed':
    case 'namespace-removed':
      return [event.position];
    default:
      return undefined;
  }
};

/**
 * Positions of the events to show for a thing that is gone: what freed it, then its removal.
 * @param history the thing's events, oldest first
 * @param of what it is called in them
 * @returns ascending; none where it was never removed, or was made again since
 */
export const freeingPositions = (
  history: readonly Fact<DomainEvent>[],
  of: Subjects,
): readonly Position[] => {
  let positions: readonly Position[] = [];
  for (const event of history) {
    const removed = removals(event, of);
    if (removed) positions = removed;
    else if (isMaking(event)) positions = [];
  }
  return positions;
};

const isMaking = ({ type }: DomainEvent): boolean =>
  type === 'blob-committed' ||
  type === 'snapshot-prepared' ||
  type === 'ingest-started' ||
  type === 'lease-created' ||
  type === 'image-created' ||
  type === 'container-created' ||
  type === 'client-container-created' ||
  type === 'namespace-created';
