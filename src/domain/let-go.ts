import { blobSubject, type CollectedBlob } from './content.ts';
import type { Subject } from './envelope.ts';
import type { Fact } from './event.ts';
import type { DomainEvent } from './world.ts';

/** The blobs that an event lets go of, one or many. */
export const blobsLetGo = ({
  type,
  data,
}: DomainEvent): readonly Pick<CollectedBlob, 'digest' | 'size' | 'lastHolder'>[] => {
  if (type === 'blob-removed') return [data];
  return type === 'blobs-collected' ? data.blobs : [];
};

/** The things that an event is about: each of the blobs of a collection. */
export const thingsOf = ({ type, data, subject }: Fact<DomainEvent>): readonly Subject[] =>
  type === 'blobs-collected'
    ? data.blobs.map(({ digest }) => blobSubject(data.namespace, digest))
    : [subject];

/** The one of some things that an event is about, or its own subject where it is about none of them. */
export const thingAmong = (fact: Fact<DomainEvent>, subjects: ReadonlySet<Subject> | undefined): Subject =>
  thingsOf(fact).find((one) => subjects?.has(one)) ?? fact.subject;
