import { specifiedProcess } from '../domain/client-container.ts';
import { type Container, findContainer, findContainerNamed } from '../domain/containers.ts';
import { ContainerId, type Digest, type Labels, type Namespace, type Timestamp } from '../domain/identity.ts';
import { Rejection } from '../domain/rejection.ts';
import { findTask, type Task } from '../domain/tasks.ts';
import type { World } from '../domain/world.ts';

/** `exited` covers what could not be started (see `error`); of `lost` ones the end can't be known. */
export const containerStatuses = ['created', 'running', 'paused', 'exited', 'lost'] as const;
export type ContainerStatus = (typeof containerStatuses)[number];

/** A container as people ask for it: the record and how it runs. */
export interface ContainerView {
  readonly namespace: Namespace;
  readonly id: ContainerId;
  readonly name: string;
  /** No digest where a client only said a name. */
  readonly image?: { readonly name: string; readonly digest?: Digest };
  /** Entrypoint and command joined. */
  readonly args: readonly string[];
  readonly createdAt: Timestamp;
  readonly status: ContainerStatus;
  /** While a process is there. */
  readonly pid?: number;
  readonly startedAt?: Timestamp;
  /** When it ended, or was found to be lost. */
  readonly exitedAt?: Timestamp;
  readonly exitCode?: number;
  readonly oomKilled: boolean;
  /** Why it could not be started, or how it got lost; empty otherwise. */
  readonly error: string;
  readonly labels: Labels;
  readonly runtime: string;
}

/** The containers of a namespace, in no order. */
export const containersOf = (world: World, namespace: Namespace): readonly Container[] =>
  [...world.container.byId.values()].filter((container) => container.namespace === namespace);

/**
 * Containers of a namespace by their ids, each looked at when its turn comes: there may be a hundred thousand, of which a
 * saved state is read as they are asked for.
 */
export function* containersInOrder(world: World, namespace: Namespace): Generator<Container, void> {
  const { byId } = world.container;
  // Keys begin with the namespace, in which no '/' is.
  const keys = [...byId.keys()].filter((key) => key.startsWith(`${namespace}/`)).sort();
  for (const key of keys) {
    const container = byId.get(key);
    if (container) yield container;
  }
}

const listed = (found: readonly Container[]): string =>
  found
    .slice(0, 8)
    .map(({ id, name }) => `${id.slice(0, 12)} (${name})`)
    .sort()
    .join(', ') + (found.length > 8 ? ` and ${found.length - 8} more` : '');

/**
 * The container that a text means: its id, its name, or the start of its id where no other begins so.
 * @returns `not-found`, or `invalid-argument` naming the candidates
 */
export const resolveContainer = (world: World, namespace: Namespace, text: string): Container | Rejection => {
  if (text === '') return new Rejection('invalid-argument', 'container is empty: give an id or a name');
  const id = ContainerId.safeParse(text);
  const exact = id.success ? findContainer(world.container, namespace, id.data) : undefined;
  const container = exact ?? findContainerNamed(world.container, namespace, text);
  if (container) return container;
  const begun = containersOf(world, namespace).filter((one) => one.id.startsWith(text));
  const [only] = begun;
  if (!only) {
    return new Rejection('not-found', `container '${text}' does not exist in namespace '${namespace}'`);
  }
  if (begun.length === 1) return only;
  return new Rejection('invalid-argument', `'${text}' may be ${listed(begun)}; give more of the id`);
};

type Running = Pick<
  ContainerView,
  'status' | 'pid' | 'startedAt' | 'exitedAt' | 'exitCode' | 'oomKilled' | 'error'
>;

const runningOf = (task: Task | undefined): Running => {
  const oomKilled = task?.oomKilled ?? false;
  if (!task) return { status: 'created', oomKilled, error: '' };
  const { state } = task;
  switch (state.status) {
    case 'creating':
      return { status: 'created', oomKilled, error: '' };
    case 'created':
    case 'starting':
      return { status: 'created', pid: state.pid, oomKilled, error: '' };
    case 'running':
    case 'paused':
      return { status: state.status, pid: state.pid, startedAt: state.startedAt, oomKilled, error: '' };
    case 'stopped':
    case 'over': {
      const { ended, startedAt } = state;
      const times = { exitedAt: ended.at, ...(startedAt === undefined ? {} : { startedAt }) };
      if (ended.how === 'lost') return { status: 'lost', ...times, oomKilled, error: ended.because };
      const error = ended.how === 'failed' ? ended.error : '';
      return { status: 'exited', exitCode: ended.exitCode, ...times, oomKilled, error };
    }
    default:
      return state satisfies never;
  }
};

const imageOf = (container: Container): ContainerView['image'] => {
  if (container.made !== 'client') return container.image;
  return container.imageName === '' ? undefined : { name: container.imageName };
};

/** What a container runs, as far as its client's specification can be read. */
export const processOf = (container: Container) =>
  container.made !== 'client' ? container.config.process : specifiedProcess(container.spec);

export const containerView = (world: World, container: Container): ContainerView => {
  const { namespace, id, name, createdAt, labels } = container;
  const image = imageOf(container);
  return {
    namespace,
    id,
    name,
    ...(image ? { image } : {}),
    args: processOf(container).args,
    createdAt,
    ...runningOf(findTask(world.task, namespace, id)),
    labels,
    runtime: container.runtime.name,
  };
};
