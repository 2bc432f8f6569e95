import { z } from 'zod';
import {
  type ClientRecord,
  clientContainerCommands,
  clientContainerEvents,
  effective,
  tooLarge,
} from './client-container.ts';
import { ContainerConfig } from './container-config.ts';
import { subject } from './envelope.ts';
import { type CommandsOf, defineEvent, type EventsOf, type Fact } from './event.ts';
import {
  ContainerId,
  Digest,
  ImageName,
  Labels,
  Namespace,
  SnapshotKey,
  SnapshotterName,
  type Timestamp,
} from './identity.ts';
import { joined } from './joined.ts';
import { mergeLabels } from './labels.ts';
import { PersistentMap } from './persistent-map.ts';
import { Rejection } from './rejection.ts';

// Identity: a container is a record, within a namespace: an id that never changes and a name people use. Its running is
// its task.
export const containerSubject = (namespace: Namespace, id: ContainerId) =>
  subject('container', namespace, id);
const keyOf = (namespace: Namespace, id: string) => joined(namespace, id);

// Events. Names and fields are the storage format.
const record = z.object({
  namespace: Namespace,
  id: ContainerId,
  name: ContainerId.describe('what people call it; unique in the namespace'),
  image: z.object({ name: ImageName, digest: Digest.describe('what the name pointed at') }).optional(),
  snapshotter: SnapshotterName,
  snapshotKey: SnapshotKey.describe('its writable root'),
  runtime: z.object({
    name: z.string().min(1).max(255).describe('containerd runtime name or absolute path of a shim'),
    binary: z.string().max(4096).optional().describe('OCI runtime that the shim calls'),
  }),
  config: ContainerConfig,
  labels: Labels,
  removeOnExit: z.boolean(),
});
export const containerEvents = {
  'container-created': defineEvent({
    version: 1,
    order: 'record',
    says: 'A container was described: its image, its root, and how it is to run.',
    data: record,
    example: {
      namespace: 'default',
      id: 'c0ffee',
      name: 'web',
      image: { name: 'docker.io/library/busybox:latest', digest: `sha256:${'ab'.repeat(32)}` },
      snapshotter: 'overlayfs',
      snapshotKey: 'c0ffee',
      runtime: { name: 'io.containerd.runc.v2' },
      config: {
        process: {
          args: ['httpd', '-f'],
          env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'],
          secretEnv: [],
          cwd: '/',
          user: '',
          terminal: false,
          stdin: false,
        },
        hostname: 'c0ffee',
        readonlyRootfs: false,
        mounts: [],
        resources: { memory: 67_108_864, pids: 100 },
        rlimits: [],
        capabilities: { add: [], drop: [] },
        privileged: false,
        noNewPrivileges: false,
        seccomp: 'default',
        apparmor: '',
        maskPaths: true,
        namespaces: { pid: 'new', network: 'new', ipc: 'new', uts: 'new', cgroup: 'new', user: 'host' },
        devices: [],
        sysctls: {},
        stopSignal: 'SIGTERM',
        stopTimeout: 10,
        oomScoreAdj: 0,
      },
      labels: {},
      removeOnExit: false,
    },
  }),
  'container-labelled': defineEvent({
    version: 1,
    order: 'record',
    says: 'The labels of a container were replaced.',
    data: z.object({ namespace: Namespace, id: ContainerId, labels: Labels }),
    example: { namespace: 'default', id: 'c0ffee', labels: { tier: 'front' } },
  }),
  'container-removed': defineEvent({
    version: 1,
    order: 'removing',
    says: 'A container was removed; its logs and what only it kept go after this.',
    data: z.object({ namespace: Namespace, id: ContainerId, name: ContainerId }),
    example: { namespace: 'default', id: 'c0ffee', name: 'web' },
  }),
  ...clientContainerEvents,
};
export type ContainerEvent = EventsOf<typeof containerEvents>;

// State
interface Times {
  readonly createdAt: Timestamp;
  readonly updatedAt: Timestamp;
}
/** One that Shiplog made, from flags and an image. */
export interface OwnContainer extends z.infer<typeof record>, Times {
  /** Absent, as in states that were saved before there were others. */
  readonly made?: undefined;
}
/** One that a client of containerd's API made; it goes by its id. */
export interface ClientContainer extends ClientRecord, Times {
  readonly made: 'client';
  readonly name: ContainerId;
  readonly removeOnExit: false;
}
export type Container = OwnContainer | ClientContainer;
export interface Containers {
  readonly byId: PersistentMap<Container>;
  /** Ids by `namespace/name`. */
  readonly names: PersistentMap<ContainerId>;
}
export const noContainers: Containers = { byId: PersistentMap.empty(), names: PersistentMap.empty() };
export const findContainer = (
  state: Containers,
  namespace: Namespace,
  id: ContainerId,
): Container | undefined => state.byId.get(keyOf(namespace, id));
export const findContainerNamed = (
  state: Containers,
  namespace: Namespace,
  name: string,
): Container | undefined => {
  const id = state.names.get(keyOf(namespace, name));
  return id === undefined ? undefined : findContainer(state, namespace, id);
};

// Evolve
type Present<T> = { [K in keyof T]?: Exclude<T[K], undefined> };
const present = <T extends object>(fields: T): Present<T> =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Present<T>;

export const evolveContainers = (state: Containers, event: Fact<ContainerEvent>): Containers => {
  const { namespace, id } = event.data;
  const key = keyOf(namespace, id);
  const at = event.meta.time.wall;
  switch (event.type) {
    case 'container-created':
      return {
        byId: state.byId.set(key, { ...event.data, createdAt: at, updatedAt: at }),
        names: state.names.set(keyOf(namespace, event.data.name), id),
      };
    case 'client-container-created': {
      const made = { made: 'client', name: id, removeOnExit: false } as const;
      return {
        byId: state.byId.set(key, { ...made, ...event.data, createdAt: at, updatedAt: at }),
        names: state.names.set(key, id),
      };
    }
    case 'client-container-updated': {
      const container = state.byId.get(key);
      if (container?.made !== 'client') return state;
      const updated = { ...container, ...present(event.data.change), updatedAt: at };
      return { ...state, byId: state.byId.set(key, updated) };
    }
    case 'container-labelled': {
      const container = state.byId.get(key);
      if (!container) return state;
      const labelled = { ...container, labels: event.data.labels, updatedAt: at };
      return { ...state, byId: state.byId.set(key, labelled) };
    }
    case 'container-removed':
      return { byId: state.byId.delete(key), names: state.names.delete(keyOf(namespace, event.data.name)) };
    default:
      return event satisfies never;
  }
};

// Commands
export const containerCommands = {
  'create-container': record,
  'label-container': z.object({ namespace: Namespace, id: ContainerId, labels: Labels }),
  'remove-container': z.object({ namespace: Namespace, id: ContainerId }),
  ...clientContainerCommands,
};
export type ContainerCommand = CommandsOf<typeof containerCommands>;

// Decide
/** What there is of a container's task: `ended` where what it used is still there. */
export type TaskPresence = 'none' | 'ended' | 'alive';

type Decision = readonly ContainerEvent[] | Rejection;
type Creation = Extract<ContainerCommand, { type: `create-${string}` }>;

export const decideContainer = (
  command: ContainerCommand,
  state: Containers,
  task: TaskPresence,
): Decision => {
  const { namespace, id } = command;
  if (command.type === 'create-container' || command.type === 'create-client-container') {
    return decideCreation(command, state);
  }
  const container = findContainer(state, namespace, id);
  if (!container) {
    return new Rejection('not-found', `container '${id}' does not exist in namespace '${namespace}'`);
  }
  switch (command.type) {
    case 'label-container': {
      const labels = mergeLabels(container.labels, command.labels);
      return labels === container.labels
        ? []
        : [{ type: 'container-labelled', data: { namespace, id, labels } }];
    }
    case 'update-client-container':
      return decideUpdate(command, container);
    case 'remove-container': {
      // What the task of a client's container used is freed when its client says so, and named by the container.
      if (task === 'alive' || (task === 'ended' && container.made === 'client')) {
        return new Rejection(
          'failed-precondition',
          `container '${container.name}' still has a task; stop it first, or remove it with force`,
        );
      }
      return [{ type: 'container-removed', data: { namespace, id, name: container.name } }];
    }
    default:
      return command satisfies never;
  }
};

const decideCreation = (command: Creation, state: Containers): Decision => {
  const { namespace, id } = command;
  if (findContainer(state, namespace, id)) {
    return new Rejection('already-exists', `container '${id}' exists already`);
  }
  const name = command.type === 'create-container' ? command.name : id;
  const named = findContainerNamed(state, namespace, name);
  if (named) {
    return new Rejection(
      'already-exists',
      `the name '${name}' is in use by container ${named.id.slice(0, 12)}; remove it or choose another name`,
    );
  }
  if (command.type === 'create-container') {
    const { type: _, ...data } = command;
    return [{ type: 'container-created', data }];
  }
  const { type: _, ...data } = command;
  return tooLarge(data) ?? [{ type: 'client-container-created', data }];
};

const decideUpdate = (
  { namespace, id, change }: Extract<ContainerCommand, { type: 'update-client-container' }>,
  container: Container,
): Decision => {
  if (container.made !== 'client') {
    return new Rejection(
      'failed-precondition',
      `container '${container.name}' was made by Shiplog; of it only the labels can be changed`,
    );
  }
  const changed = effective(container, change);
  if (Object.keys(changed).length === 0) return [];
  const large = tooLarge({ ...container, ...present(changed) });
  return large ?? [{ type: 'client-container-updated', data: { namespace, id, change: changed } }];
};
