import type { Fact } from '../domain/event.ts';
import type { ContainerId, Namespace } from '../domain/identity.ts';
import { Rejection } from '../domain/rejection.ts';
import { type DomainEvent, definitionOf, eventTables, type World } from '../domain/world.ts';
import { type FilterTable, type FilterTest, parseFilters } from './filters.ts';
import { fullName } from './images.ts';

export type EventPredicate = (event: Fact<DomainEvent>) => boolean;
type Test = FilterTest<Fact<DomainEvent>>;

const kindOf = (type: string): string | undefined =>
  Object.entries(eventTables).find(([, table]) => Object.hasOwn(table, type))?.[0];

const ofType: Test = (value) => {
  if (definitionOf(value)) return ({ type }) => type === value;
  if (Object.hasOwn(eventTables, value)) return ({ type }) => kindOf(type) === value;
  const kinds = Object.keys(eventTables).join(', ');
  return new Rejection(
    'invalid-argument',
    `no event type is called '${value}'; give one of docs/events.md such as task-exited, or a kind: ${kinds}`,
  );
};

/**
 * Events of a container by id, start of the id, or name. What it was called is learned from its first event as well, so
 * that containers which are gone, or come later while following, are found too: give the events in order.
 */
const ofContainer =
  (world: World, namespace: Namespace | undefined): Test =>
  (value) => {
    const ids = new Set<ContainerId>();
    for (const [, { id, name, namespace: ns }] of world.container.byId) {
      if (name === value && (namespace === undefined || ns === namespace)) ids.add(id);
    }
    return ({ type, data, subject }) => {
      if (!subject.startsWith('container/') || !('id' in data)) return false;
      if (type === 'container-created' && data.name === value) ids.add(data.id);
      return (value !== '' && data.id.startsWith(value)) || ids.has(data.id as ContainerId);
    };
  };

const ofImage: Test = (value) => {
  const name = fullName(value);
  const means = (text: string) => text === value || text === name;
  return (event) => {
    switch (event.type) {
      case 'image-created':
      case 'image-updated':
      case 'image-removed':
        return means(event.data.name) || event.data.target.digest === value;
      case 'container-created':
        return (
          event.data.image !== undefined &&
          (means(event.data.image.name) || event.data.image.digest === value)
        );
      case 'transfer-started':
        return means(event.data.what);
      default:
        return false;
    }
  };
};

const ofActor: Test = (value) => {
  if (!/^\d{1,10}$/.test(value)) {
    return new Rejection('invalid-argument', `actor '${value}' is no user id; give a number such as 0`);
  }
  return ({ meta }) => meta.actor.uid === Number(value);
};

const table = (world: World, namespace: Namespace | undefined): FilterTable<Fact<DomainEvent>> => ({
  type: ofType,
  subject: (value) => (event) => event.subject === value,
  container: ofContainer(world, namespace),
  image: ofImage,
  namespace: (value) => (event) => 'namespace' in event.data && event.data.namespace === value,
  actor: ofActor,
  correlation: (value) => (event) => event.meta.correlation === value,
});

/**
 * Whether an event is wanted, by filters in docker's form: `type=` (a type or a kind), `subject=`, `container=`,
 * `image=`, `namespace=`, `actor=` (user id), `correlation=`. The same key again means or, different keys mean and.
 * @param namespace only events of this one; of all, and the host's, when absent
 * @returns a predicate to be asked in the order of the log; `invalid-argument` for a filter that makes no sense
 */
export const eventFilter = (
  filters: readonly string[],
  world: World,
  namespace?: Namespace,
): EventPredicate | Rejection => {
  const matches = parseFilters(filters, table(world, namespace));
  if (matches instanceof Rejection || namespace === undefined) return matches;
  return (event) => 'namespace' in event.data && event.data.namespace === namespace && matches(event);
};
