import { containerSubject, findContainerNamed } from '../domain/containers.ts';
import type { Fact } from '../domain/event.ts';
import type { ContainerId, Namespace } from '../domain/identity.ts';
import type { PersistentMap } from '../domain/persistent-map.ts';
import type { DomainEvent, World } from '../domain/world.ts';
import { stateOf } from './changes.ts';
import { fullName } from './images.ts';

/**
 * A map of things that are looked up and turned into values only when somebody asks: an expression that names one
 * container costs one lookup, however many there are.
 */
export class Lookup implements ReadonlyMap<string, unknown> {
  readonly #find: (name: string) => unknown;
  readonly #all: () => Iterable<readonly [string, unknown]>;
  #size: number | undefined;

  constructor(find: (name: string) => unknown, all: () => Iterable<readonly [string, unknown]>) {
    this.#find = find;
    this.#all = all;
  }

  get size(): number {
    if (this.#size === undefined) {
      this.#size = 0;
      for (const _ of this.#all()) this.#size += 1;
    }
    return this.#size;
  }

  get(name: string): unknown {
    return this.#find(name);
  }

  has(name: string): boolean {
    return this.#find(name) !== undefined;
  }

  *entries(): Generator<[string, unknown], undefined> {
    for (const [name, value] of this.#all()) yield [name, value];
    return undefined;
  }

  *keys(): Generator<string, undefined> {
    for (const [name] of this.#all()) yield name;
    return undefined;
  }

  *values(): Generator<unknown, undefined> {
    for (const [, value] of this.#all()) yield value;
    return undefined;
  }

  [Symbol.iterator](): Generator<[string, unknown], undefined> {
    return this.entries();
  }

  forEach(take: (value: unknown, name: string, map: ReadonlyMap<string, unknown>) => void): void {
    for (const [name, value] of this.#all()) take(value, name, this);
  }
}

/** What an expression may name, in the words that docs/time-machine.md tells. */
export const expressionVariables = [
  'containers',
  'tasks',
  'images',
  'snapshots',
  'blobs',
  'leases',
  'ingests',
  'transfers',
  'namespaces',
  'position',
  'time',
  'event',
] as const;
export type ExpressionVariable = (typeof expressionVariables)[number];

/** The values of the variables, each made when it is asked for. */
export type ExpressionScope = { readonly [V in ExpressionVariable]: () => unknown };

/** A point in time, told apart from a number. */
export class Instant {
  /** Microseconds since the Unix epoch. */
  readonly us: number;
  constructor(us: number) {
    this.us = us;
  }
}

/** The things of a namespace by what follows the namespace in their keys, and by other names that they have. */
const inside = (
  map: PersistentMap<object>,
  namespace: Namespace,
  aliasOf: (name: string) => string | undefined = () => undefined,
): Lookup => {
  const start = `${namespace}/`;
  return new Lookup(
    (name) => {
      const found = map.get(start + name);
      if (found !== undefined) return found;
      const alias = aliasOf(name);
      return alias === undefined ? undefined : map.get(start + alias);
    },
    function* () {
      for (const [key, value] of map) if (key.startsWith(start)) yield [key.slice(start.length), value];
    },
  );
};

/** Containers and tasks go by the container's name. */
const byContainerName = (
  world: World,
  namespace: Namespace,
  stateNamed: (id: ContainerId) => unknown,
): Lookup => {
  const { names } = world.container;
  const start = `${namespace}/`;
  return new Lookup(
    (name) => stateNamed(findContainerNamed(world.container, namespace, name)?.id ?? (name as ContainerId)),
    function* () {
      for (const [key, id] of names) {
        if (!key.startsWith(start)) continue;
        const value = stateNamed(id);
        if (value !== undefined) yield [key.slice(start.length), value];
      }
    },
  );
};

const eventValue = (event: Fact<DomainEvent>): object => ({
  position: event.position,
  type: event.type,
  subject: event.subject,
  data: event.data,
  actor: event.meta.actor,
  correlation: event.meta.correlation,
  reason: event.meta.reason ?? '',
  time: new Instant(event.meta.time.wall),
});

/**
 * What an expression sees of a world.
 * @param last the event that was applied last; null stands for it before the first
 */
export const expressionScope = (
  world: World,
  namespace: Namespace,
  last: Fact<DomainEvent> | undefined,
): ExpressionScope => ({
  containers: () =>
    byContainerName(world, namespace, (id) => stateOf(world, containerSubject(namespace, id))),
  tasks: () => byContainerName(world, namespace, (id) => world.task.get(`${namespace}/${id}`)),
  images: () => inside(world.image, namespace, fullName),
  snapshots: () => inside(world.snapshot, namespace, (key) => `overlayfs/${key}`),
  blobs: () => inside(world.content.blobs, namespace),
  ingests: () => inside(world.content.ingests, namespace),
  leases: () => inside(world.lease, namespace),
  transfers: () => inside(world.transfer, namespace),
  namespaces: () =>
    new Lookup(
      (name) => world.namespace.get(name),
      () => world.namespace,
    ),
  position: () => world.position,
  time: () => new Instant(last?.meta.time.wall ?? 0),
  event: () => (last === undefined ? null : eventValue(last)),
});
