import type { AnyValue } from '../domain/any-value.ts';
import type { ClientMount } from '../domain/client-order.ts';
import type { Fact } from '../domain/event.ts';
import type { Labels, Timestamp } from '../domain/identity.ts';
import type { DomainEvent } from '../domain/world.ts';
import { type ContainerMemory, endingOf, unknownExit } from './container-memory.ts';

interface Process {
  readonly containerId: string;
  readonly pid: number;
}
interface Ended extends Process {
  /** Of the container, or of the exec. */
  readonly id: string;
  readonly exitStatus: number;
  readonly exitedAt?: Timestamp;
}
interface Named {
  readonly name: string;
  readonly labels: Labels;
}

/** What containerd's events tell, by topic. */
export interface Announced {
  readonly '/containers/create': {
    readonly id: string;
    readonly image: string;
    readonly runtime: { readonly name: string; readonly options?: AnyValue };
  };
  readonly '/containers/update': {
    readonly id: string;
    readonly image: string;
    readonly labels: Labels;
    readonly snapshotKey: string;
  };
  readonly '/containers/delete': { readonly id: string };
  readonly '/tasks/create': Process & {
    readonly rootfs: readonly ClientMount[];
    readonly io: {
      readonly stdin: string;
      readonly stdout: string;
      readonly stderr: string;
      readonly terminal: boolean;
    };
  };
  readonly '/tasks/start': Process;
  readonly '/tasks/exit': Ended;
  readonly '/tasks/delete': Ended;
  readonly '/tasks/oom': { readonly containerId: string };
  readonly '/tasks/paused': { readonly containerId: string };
  readonly '/tasks/resumed': { readonly containerId: string };
  readonly '/tasks/exec-added': { readonly containerId: string; readonly execId: string };
  readonly '/tasks/exec-started': Process & { readonly execId: string };
  readonly '/images/create': Named;
  readonly '/images/update': Named;
  readonly '/images/delete': { readonly name: string };
  readonly '/namespaces/create': Named;
  readonly '/namespaces/update': Named;
  readonly '/namespaces/delete': { readonly name: string };
  readonly '/snapshot/prepare': { readonly key: string; readonly parent: string };
  readonly '/snapshot/commit': { readonly key: string; readonly name: string };
  readonly '/snapshot/remove': { readonly key: string };
  readonly '/content/delete': { readonly digest: string };
  readonly '/sandboxes/create': { readonly sandboxId: string };
  readonly '/sandboxes/start': { readonly sandboxId: string };
  readonly '/sandboxes/exit': {
    readonly sandboxId: string;
    readonly exitStatus: number;
    readonly exitedAt: Timestamp;
  };
}

/** A topic of containerd's with what is told under it. */
export type Announcement = {
  readonly [T in keyof Announced]: { readonly topic: T; readonly event: Announced[T] };
}[keyof Announced];

/**
 * What containerd's clients are told of an event of the log; undefined for one that containerd knows nothing of.
 * @param memory of the event's container or sandbox, the event itself included
 */
export const announcementOf = (fact: Fact<DomainEvent>, memory: ContainerMemory): Announcement | undefined =>
  ofTask(fact, memory) ?? ofRecord(fact, memory) ?? ofSandbox(fact, memory);

const ofTask = (fact: Fact<DomainEvent>, memory: ContainerMemory): Announcement | undefined => {
  const { pid } = memory;
  switch (fact.type) {
    case 'task-created': {
      const { stdin = '', stdout = '', stderr = '', terminal = false, rootfs = [] } = memory.order ?? {};
      const io = { stdin, stdout, stderr, terminal };
      return { topic: '/tasks/create', event: { containerId: fact.data.id, pid, rootfs, io } };
    }
    case 'task-started':
      return { topic: '/tasks/start', event: { containerId: fact.data.id, pid } };
    case 'task-exited':
    case 'task-lost': {
      const { exitCode, exitedAt } = endingOf(fact);
      const { id } = fact.data;
      return { topic: '/tasks/exit', event: { containerId: id, id, pid, exitStatus: exitCode, exitedAt } };
    }
    case 'task-deleted': {
      const { exitCode = 0, exitedAt } = memory.ending ?? {};
      const ended = { pid, exitStatus: exitCode, ...(exitedAt === undefined ? {} : { exitedAt }) };
      return { topic: '/tasks/delete', event: { containerId: fact.data.id, id: '', ...ended } };
    }
    case 'task-oom':
      return { topic: '/tasks/oom', event: { containerId: fact.data.id } };
    case 'task-paused':
      return { topic: '/tasks/paused', event: { containerId: fact.data.id } };
    case 'task-resumed':
      return { topic: '/tasks/resumed', event: { containerId: fact.data.id } };
    case 'exec-requested':
    case 'client-exec-created':
      return {
        topic: '/tasks/exec-added',
        event: { containerId: fact.data.id, execId: fact.data.execId },
      };
    case 'exec-started': {
      const { id, execId, pid: started } = fact.data;
      return { topic: '/tasks/exec-started', event: { containerId: id, execId, pid: started } };
    }
    case 'exec-exited':
    case 'exec-lost': {
      const { exitCode, exitedAt } = endingOf(fact);
      const { id, execId } = fact.data;
      const event = { containerId: id, id: execId, pid: memory.execs.get(execId) ?? 0 };
      return { topic: '/tasks/exit', event: { ...event, exitStatus: exitCode, exitedAt } };
    }
    default:
      return undefined;
  }
};

const ofRecord = (fact: Fact<DomainEvent>, memory: ContainerMemory): Announcement | undefined => {
  switch (fact.type) {
    case 'container-created':
    case 'client-container-created': {
      const { image, runtime: name, runtimeOptions: options } = memory;
      const runtime = { name, ...(options === undefined ? {} : { options }) };
      return { topic: '/containers/create', event: { id: fact.data.id, image, runtime } };
    }
    case 'container-labelled':
    case 'client-container-updated': {
      const { image, labels, snapshotKey } = memory;
      return { topic: '/containers/update', event: { id: fact.data.id, image, labels, snapshotKey } };
    }
    case 'container-removed':
      return { topic: '/containers/delete', event: { id: fact.data.id } };
    case 'image-created':
      return { topic: '/images/create', event: { name: fact.data.name, labels: fact.data.labels } };
    case 'image-updated':
      return { topic: '/images/update', event: { name: fact.data.name, labels: fact.data.labels } };
    case 'image-removed':
      return { topic: '/images/delete', event: { name: fact.data.name } };
    case 'namespace-created':
      return {
        topic: '/namespaces/create',
        event: { name: fact.data.namespace, labels: fact.data.labels },
      };
    case 'namespace-labelled':
      return {
        topic: '/namespaces/update',
        event: { name: fact.data.namespace, labels: fact.data.labels },
      };
    case 'namespace-removed':
      return { topic: '/namespaces/delete', event: { name: fact.data.namespace } };
    case 'snapshot-prepared':
      // containerd tells nothing of views.
      if (fact.data.kind === 'view') return undefined;
      return {
        topic: '/snapshot/prepare',
        event: { key: fact.data.key, parent: fact.data.parent ?? '' },
      };
    case 'snapshot-committed':
      return { topic: '/snapshot/commit', event: { key: fact.data.key, name: fact.data.name } };
    case 'snapshot-removed':
      return { topic: '/snapshot/remove', event: { key: fact.data.key } };
    case 'blob-removed':
      return { topic: '/content/delete', event: { digest: fact.data.digest } };
    default:
      return undefined;
  }
};

/** The end of a sandbox is told once: with its exit, or with its shim where that went first. */
const ofSandbox = (fact: Fact<DomainEvent>, { sandbox }: ContainerMemory): Announcement | undefined => {
  switch (fact.type) {
    case 'sandbox-launched':
      return { topic: '/sandboxes/create', event: { sandboxId: fact.data.id } };
    case 'sandbox-started':
      return { topic: '/sandboxes/start', event: { sandboxId: fact.data.id } };
    case 'sandbox-exited': {
      const { id: sandboxId, exitStatus, exitedAt } = fact.data;
      return { topic: '/sandboxes/exit', event: { sandboxId, exitStatus, exitedAt } };
    }
    case 'sandbox-shut-down':
    case 'sandbox-lost': {
      if (sandbox !== 'running') return undefined;
      const event = { sandboxId: fact.data.id, exitStatus: unknownExit, exitedAt: fact.meta.time.wall };
      return { topic: '/sandboxes/exit', event };
    }
    default:
      return undefined;
  }
};
