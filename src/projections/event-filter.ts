import type { Subject } from '../domain/envelope.ts';
import type { Fact } from '../domain/event.ts';
import type { ContainerId, Namespace } from '../domain/identity.ts';
import { thingsOf } from '../domain/let-go.ts';
import type { LogQuery } from '../domain/log-query.ts';
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
  (world: World, namespace: Namespace | undefined, named: readonly Subject[]): Test =>
  (value) => {
    const ids = new Set<ContainerId>(named.map((subject) => subject.split('/')[2] as ContainerId));
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
      case 'client-container-created':
        return means(event.data.imageName);
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

const table = (
  world: World,
  namespace: Namespace | undefined,
  named: readonly Subject[],
): FilterTable<Fact<DomainEvent>> => ({
  type: ofType,
  subject: (value) => (event) => event.subject === value || thingsOf(event).some((one) => one === value),
  container: ofContainer(world, namespace, named),
  image: ofImage,
  namespace: (value) => (event) => 'namespace' in event.data && event.data.namespace === value,
  actor: ofActor,
  correlation: (value) => (event) => event.meta.correlation === value,
});

/**
 * Whether an event is wanted, by filters in docker's form: `type=` (a type or a kind), `subject=`, `container=`,
 * `image=`, `namespace=`, `actor=` (user id), `correlation=`. The same key again means or, different keys mean and.
 * @param namespace only events of this one; of all, and the host's, when absent
 * @param named subjects of containers, gone by now, that `container=` means by name ({@link namesQuery})
 * @returns a predicate to be asked in the order of the log; `invalid-argument` for a filter that makes no sense
 */
export const eventFilter = (
  filters: readonly string[],
  world: World,
  namespace?: Namespace,
  named: readonly Subject[] = [],
): EventPredicate | Rejection => {
  const matches = parseFilters(filters, table(world, namespace, named));
  if (matches instanceof Rejection || namespace === undefined) return matches;
  return (event) => 'namespace' in event.data && event.data.namespace === namespace && matches(event);
};

const typesOf = (value: string): readonly string[] =>
  Object.hasOwn(eventTables, value) ? Object.keys(eventTables[value as keyof typeof eventTables]) : [value];

/** Types of the events that a filter lets through at most; undefined where it may be any. */
const typesFor = (key: string, values: readonly string[]): readonly string[] | undefined => {
  switch (key) {
    case 'type':
      return values.flatMap(typesOf);
    case 'container':
      return ['container', 'task'].flatMap(typesOf);
    case 'image':
      return [
        'image-created',
        'image-updated',
        'image-removed',
        'container-created',
        'client-container-created',
        'transfer-started',
      ];
    default:
      return undefined;
  }
};

/** The values of each filter. */
const valuesOf = (filters: readonly string[]): ReadonlyMap<string, readonly string[]> => {
  const values = new Map<string, readonly string[]>();
  for (const filter of filters) {
    const [key = '', ...rest] = filter.split('=');
    values.set(key, [...(values.get(key) ?? []), rest.join('=')]);
  }
  return values;
};

/**
 * What an index can answer of filters that {@link eventFilter} took: all events that pass it are among these.
 * @param namespace as for eventFilter
 * @param named subjects of the containers that `container=` means by name; those that it means by id go without saying
 */
export const eventQuery = (
  filters: readonly string[],
  namespace: Namespace | undefined,
  named: readonly Subject[],
): LogQuery => {
  const values = valuesOf(filters);
  const limits = [...values].flatMap(([key, some]) => {
    const types = typesFor(key, some);
    return types === undefined ? [] : [types];
  });
  const [first, ...rest] = limits;
  const types = first?.filter((type) => rest.every((others) => others.includes(type)));
  const namespaces = namespace === undefined ? values.get('namespace') : [namespace];
  const actors = values.get('actor')?.map(Number);
  const correlations = values.get('correlation');
  return {
    ...(types === undefined ? {} : { types }),
    ...(namespaces === undefined ? {} : { namespaces: namespaces as readonly Namespace[] }),
    ...(actors === undefined ? {} : { actors }),
    ...(correlations === undefined ? {} : { correlations }),
    ...aboutOf(values, namespace, named),
  };
};

const aboutOf = (
  values: ReadonlyMap<string, readonly string[]>,
  namespace: Namespace | undefined,
  named: readonly Subject[],
): LogQuery => {
  const subjects = values.get('subject');
  if (subjects !== undefined) return { subjects: subjects as readonly Subject[] };
  const containers = values.get('container')?.filter((value) => value !== '');
  if (containers === undefined || namespace === undefined) return {};
  return { subjects: named, prefixes: containers.map((value) => `container/${namespace}/${value}`) };
};

/** The events that tell which containers bore the names that the filters `container=` give; undefined where none does. */
export const namesQuery = (
  filters: readonly string[],
  namespace: Namespace | undefined,
): LogQuery | undefined => {
  const names = valuesOf(filters).get('container');
  if (names === undefined || namespace === undefined) return undefined;
  return {
    types: ['container-created'],
    subjects: names.map((name) => `container/${namespace}/${name}` as Subject),
  };
};
