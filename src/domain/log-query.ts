import { containerSubject } from './containers.ts';
import { blobSubject } from './content.ts';
import type { Envelope, Subject } from './envelope.ts';
import type {
  ContainerId,
  Digest,
  Namespace,
  Position,
  SnapshotKey,
  SnapshotterName,
  Timestamp,
} from './identity.ts';
import { snapshotSubject } from './snapshots.ts';

/** Events of a log by what can be indexed. Values of one field mean or, fields mean and; an absent field means any. */
export interface LogQuery {
  /** The event is about one of these, or names one in its data ({@link subjectsOf}). */
  readonly subjects?: readonly Subject[];
  /** As `subjects`, by how they begin, such as `container/default/3f2a`. */
  readonly prefixes?: readonly string[];
  readonly types?: readonly string[];
  readonly namespaces?: readonly Namespace[];
  /** User ids. */
  readonly actors?: readonly number[];
  readonly correlations?: readonly string[];
  /** The event follows directly from one of these. */
  readonly causes?: readonly Position[];
  /** Wall-clock times, both inclusive. Clocks may be set back, so these events need not stand together. */
  readonly since?: Timestamp;
  readonly until?: Timestamp;
}

type Named = Pick<Envelope, 'type' | 'subject' | 'data'>;

/** A text field of an event's data; data of a log may be of any age, so nothing is taken for granted. */
const textOf = (data: unknown, field: string): string | undefined => {
  const value: unknown = typeof data === 'object' && data !== null ? Reflect.get(data, field) : undefined;
  return typeof value === 'string' ? value : undefined;
};

/** Types whose data names more subjects, for {@link subjectsOf}; of others it takes the subject alone. */
export const givesName = (type: string): boolean =>
  type === 'container-created' ||
  type === 'container-removed' ||
  type === 'snapshot-committed' ||
  type === 'blobs-collected';

/** The blobs that data lists, as far as it does. */
const listedBlobs = (data: unknown, namespace: Namespace): readonly Subject[] => {
  const listed: unknown = Reflect.get(Object(data), 'blobs');
  if (!Array.isArray(listed)) return [];
  return listed.flatMap((one: unknown) => {
    const digest = textOf(one, 'digest');
    return digest === undefined ? [] : [blobSubject(namespace, digest as Digest)];
  });
};

/**
 * The subjects that an event is found under: its own, the other name that it gives the thing, and each of the blobs of a
 * collection. A container's name counts as an id (`container/NS/NAME`), a committed snapshot's name as a key.
 */
export const subjectsOf = ({ type, subject, data }: Named): readonly Subject[] => {
  if (!givesName(type)) return [subject];
  const namespace = textOf(data, 'namespace') as Namespace | undefined;
  if (type === 'blobs-collected') {
    return namespace === undefined ? [subject] : [subject, ...listedBlobs(data, namespace)];
  }
  const name = textOf(data, 'name');
  if (name === undefined || namespace === undefined) return [subject];
  if (type !== 'snapshot-committed') return [subject, containerSubject(namespace, name as ContainerId)];
  const snapshotter = textOf(data, 'snapshotter') as SnapshotterName | undefined;
  if (snapshotter === undefined) return [subject];
  return [subject, snapshotSubject({ namespace, snapshotter, key: name as SnapshotKey })];
};

/** The namespace of a subject; undefined for the host. */
export const namespaceOf = (subject: Subject): Namespace | undefined =>
  subject.split('/', 2)[1] as Namespace | undefined;

const holds = <T>(wanted: readonly T[] | undefined, value: T | undefined): boolean =>
  wanted === undefined || (value !== undefined && wanted.includes(value));

const isWithin = ({ since, until }: LogQuery, time: Timestamp): boolean =>
  (since === undefined || time >= since) && (until === undefined || time <= until);

const isAbout = ({ subjects, prefixes }: LogQuery, event: Named): boolean => {
  if (subjects === undefined && prefixes === undefined) return true;
  return subjectsOf(event).some(
    (subject) =>
      subjects?.includes(subject) === true || prefixes?.some((prefix) => subject.startsWith(prefix)) === true,
  );
};

/** Whether an event is one that a query asks for: the meaning that every index must keep to. */
export const matchesQuery = (query: LogQuery, event: Envelope): boolean =>
  holds(query.types, event.type) &&
  holds(query.actors, event.meta.actor.uid) &&
  holds(query.correlations, event.meta.correlation) &&
  holds(
    query.causes,
    event.meta.causation === undefined ? undefined : (BigInt(event.meta.causation) as Position),
  ) &&
  holds(query.namespaces, namespaceOf(event.subject)) &&
  isWithin(query, event.meta.time.wall) &&
  isAbout(query, event);
