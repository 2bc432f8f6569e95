import { activationSubject } from '../domain/activations.ts';
import { containerSubject } from '../domain/containers.ts';
import { blobSubject, ingestSubject } from '../domain/content.ts';
import { hostSubject, Subject } from '../domain/envelope.ts';
import type { Fact } from '../domain/event.ts';
import type { Namespace } from '../domain/identity.ts';
import { imageSubject } from '../domain/images.ts';
import { leaseSubject } from '../domain/leases.ts';
import { thingsOf as thingsOfEvent } from '../domain/let-go.ts';
import type { LogQuery } from '../domain/log-query.ts';
import { Rejection } from '../domain/rejection.ts';
import { sandboxSubject } from '../domain/sandboxes.ts';
import { snapshotSubject } from '../domain/snapshots.ts';
import { transferSubject } from '../domain/transfers.ts';
import type { DomainEvent, World } from '../domain/world.ts';
import { containersOf } from './containers.ts';
import { fullName, startsDigest } from './images.ts';

interface Thing {
  readonly subject: Subject;
  /** Whether a text is its id or name. */
  readonly is: (text: string) => boolean;
  /** Whether a text begins its id, where that is long and made by a machine. */
  readonly begins: (text: string) => boolean;
}
const never = () => false;
const within = <T extends { readonly namespace: Namespace }>(items: Iterable<T>, namespace: Namespace) =>
  [...items].filter((item) => item.namespace === namespace);

/** Everything in a namespace that a text may mean. */
const thingsOf = (world: World, ns: Namespace): readonly Thing[] => [
  ...containersOf(world, ns).map(({ id, name }) => ({
    subject: containerSubject(ns, id),
    is: (text: string) => text === id || text === name,
    begins: (text: string) => id.startsWith(text),
  })),
  ...within(world.image.values(), ns).map(({ name }) => ({
    subject: imageSubject(ns, name),
    is: (text: string) => text === name || fullName(text) === name,
    begins: never,
  })),
  ...within(world.content.blobs.values(), ns).map(({ digest }) => ({
    subject: blobSubject(ns, digest),
    is: (text: string) => text === digest || text === digest.slice(digest.indexOf(':') + 1),
    begins: (text: string) => startsDigest(text, digest),
  })),
  ...within(world.snapshot.values(), ns).map((snapshot) => ({
    subject: snapshotSubject(snapshot),
    is: (text: string) => text === snapshot.key || text === `${snapshot.snapshotter}/${snapshot.key}`,
    begins: (text: string) => startsDigest(text, snapshot.key),
  })),
  ...within(world.lease.values(), ns).map(({ id }) => ({
    subject: leaseSubject(ns, id),
    is: (text: string) => text === id,
    begins: never,
  })),
  ...within(world.content.ingests.values(), ns).map(({ ref }) => ({
    subject: ingestSubject(ns, ref),
    is: (text: string) => text === ref,
    begins: never,
  })),
  ...within(world.transfer.values(), ns).map(({ id }) => ({
    subject: transferSubject(ns, id),
    is: (text: string) => text === id,
    begins: never,
  })),
  ...within(world.sandbox.records.values(), ns).map(({ id }) => ({
    subject: sandboxSubject(ns, id),
    is: (text: string) => text === id,
    begins: never,
  })),
  ...within(world.activation.values(), ns).map(({ name }) => ({
    subject: activationSubject(ns, name),
    is: (text: string) => text === name,
    begins: never,
  })),
];

/**
 * The things that a text means: a subject as it stands in the log, or an id, name, digest, snapshot key or lease id; the
 * start of a container's id, of a digest or of a snapshot's chainID will do where only one thing begins so.
 * @returns none where nothing here is called so (look for it in the log with {@link queriesForRemoved});
 *   `invalid-argument` naming the candidates where a start fits several things
 */
export const resolveThing = (
  world: World,
  namespace: Namespace,
  text: string,
): readonly Subject[] | Rejection => {
  if (text === '')
    return new Rejection('invalid-argument', 'nothing was named: give an id, a name or a digest');
  if (text === hostSubject) return [hostSubject];
  const subject = Subject.safeParse(text);
  const things = thingsOf(world, namespace);
  const exact = things.filter((thing) => thing.is(text)).map((thing) => thing.subject);
  if (exact.length > 0) return exact;
  if (subject.success) return [subject.data];
  const begun = things.filter((thing) => thing.begins(text)).map((thing) => thing.subject);
  // A base layer and its snapshot may bear the same digest.
  if (new Set(begun.map(tailOf)).size < 2) return begun;
  const some = begun.slice(0, 8).sort().join(', ');
  return new Rejection(
    'invalid-argument',
    `'${text}' may be ${some}${begun.length > 8 ? ` and ${begun.length - 8} more` : ''}; give more of it`,
  );
};

const idOf = (subject: Subject): string => subject.split('/').slice(2).join('/');
const tailOf = (subject: Subject): string => subject.slice(subject.lastIndexOf('/') + 1);

/** Fewer characters would fit too much in a log. */
const SHORTEST_START = 4;

/** Where snapshots of this program's own are; of others while some of theirs are here. */
const ownSnapshotter = 'overlayfs';

/**
 * How to find things that are gone: what to ask the log for, one query after the other until one finds something. What
 * they find must still be looked through by {@link removedSubjects}.
 */
export const queriesForRemoved = (world: World, namespace: Namespace, text: string): readonly LogQuery[] => {
  const snapshotters = new Set<string>([ownSnapshotter]);
  for (const { snapshotter } of within(world.snapshot.values(), namespace)) snapshotters.add(snapshotter);
  const digests = /^sha(?:256|512):/.test(text) ? [text] : [`sha256:${text}`, `sha512:${text}`];
  const snapshots = [...snapshotters].flatMap((name) => [text, ...digests].map((key) => `${name}/${key}`));
  const image = fullName(text);
  const ids = {
    container: [text],
    image: image === undefined ? [text] : [text, image],
    blob: digests,
    snapshot: [text, ...snapshots],
    lease: [text],
    ingest: [text],
    transfer: [text],
    sandbox: [text],
    activation: [text],
  };
  const subjects = Object.entries(ids).flatMap(([kind, some]) =>
    some.map((id) => `${kind}/${namespace}/${id}` as Subject),
  );
  const exact = { subjects: [...subjects, `namespace/${text}/${text}` as Subject] };
  if (text.length < SHORTEST_START) return [exact];
  const begun = { container: ids.container, blob: digests, snapshot: snapshots };
  const prefixes = Object.entries(begun).flatMap(([kind, some]) =>
    some.map((id) => `${kind}/${namespace}/${id}`),
  );
  return [exact, { prefixes }];
};

/**
 * The subjects of an event that a text may have meant and that are gone. A container's name is in its first and
 * last event only, and a snapshot's name in its commit: look for subjects first, then for the events of those.
 */
export const removedSubjects = (text: string): ((event: Fact<DomainEvent>) => readonly Subject[]) => {
  const image = fullName(text);
  const long = text.length >= SHORTEST_START;
  const fits = (subject: Subject): boolean => {
    const id = idOf(subject);
    if (id === text || id === image || tailOf(subject) === text) return true;
    if (!long) return false;
    return startsDigest(text, tailOf(subject)) || (subject.startsWith('container/') && id.startsWith(text));
  };
  return (event) => {
    const named = thingsOfEvent(event).filter((subject) => subject === text || fits(subject));
    return named.length > 0 || nameGivenBy(event) !== text ? named : [event.subject];
  };
};

/** The name that an event gives the thing that it is about. */
const nameGivenBy = ({ type, data }: DomainEvent): string | undefined =>
  type === 'container-created' || type === 'container-removed' || type === 'snapshot-committed'
    ? data.name
    : undefined;
