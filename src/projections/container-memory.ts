import type { AnyValue } from '../domain/any-value.ts';
import type { ClientOrder } from '../domain/client-order.ts';
import type { Fact } from '../domain/event.ts';
import type { ExecId, Labels, Timestamp } from '../domain/identity.ts';
import type { DomainEvent } from '../domain/world.ts';

/** How a process ended. */
export interface Ending {
  readonly exitCode: number;
  readonly exitedAt: Timestamp;
}

/** What events of a container or a sandbox say again that earlier ones said: a fold of its own events up to one of them. */
export interface ContainerMemory {
  readonly image: string;
  readonly runtime: string;
  readonly runtimeOptions?: AnyValue;
  readonly snapshotKey: string;
  readonly labels: Labels;
  /** How its task was asked for. */
  readonly order?: ClientOrder;
  /** Of its task; 0 where it never had one. */
  readonly pid: number;
  readonly ending?: Ending;
  /** Pids of the extra processes that run, and of the one that ended last. */
  readonly execs: ReadonlyMap<ExecId, number>;
  readonly endedExec?: ExecId;
  /** Of a sandbox that was started, also while its shim outlives its end. */
  readonly sandbox?: 'running' | 'ended';
}

export const noMemory: ContainerMemory = {
  image: '',
  runtime: '',
  snapshotKey: '',
  labels: {},
  pid: 0,
  execs: new Map(),
};

export const remember = (memory: ContainerMemory, fact: Fact<DomainEvent>): ContainerMemory => {
  switch (fact.type) {
    case 'container-created': {
      const { image, runtime, snapshotKey, labels } = fact.data;
      return { ...noMemory, image: image?.name ?? '', runtime: runtime.name, snapshotKey, labels };
    }
    case 'client-container-created': {
      const { imageName: image, runtime, snapshotKey, labels } = fact.data;
      const options = runtime.options === undefined ? {} : { runtimeOptions: runtime.options };
      return { ...noMemory, image, runtime: runtime.name, ...options, snapshotKey, labels };
    }
    case 'container-labelled':
      return { ...memory, labels: fact.data.labels };
    case 'client-container-updated': {
      const { imageName = memory.image, snapshotKey = memory.snapshotKey, labels } = fact.data.change;
      return { ...memory, image: imageName, snapshotKey, labels: labels ?? memory.labels };
    }
    case 'task-create-requested': {
      const { order } = fact.data;
      const { order: _, ending: __, ...rest } = memory;
      return { ...rest, pid: 0, execs: new Map(), ...(order === undefined ? {} : { order }) };
    }
    case 'task-created':
    case 'task-started':
      return { ...memory, pid: fact.data.pid };
    case 'task-exited':
    case 'task-lost':
      return { ...memory, ending: endingOf(fact) };
    case 'exec-started':
      return { ...memory, execs: new Map([...memory.execs, [fact.data.execId, fact.data.pid]]) };
    case 'exec-exited':
    case 'exec-lost': {
      // Health checks make many in the life of a container.
      const execs = new Map([...memory.execs].filter(([execId]) => execId !== memory.endedExec));
      return { ...memory, execs, endedExec: fact.data.execId };
    }
    case 'sandbox-launch-requested':
      return noMemory;
    case 'sandbox-started':
      return { ...memory, sandbox: 'running' };
    case 'sandbox-exited':
      return { ...memory, sandbox: 'ended' };
    default:
      return memory;
  }
};

/** SIGKILL, by which containerd takes a process to have ended whose shim can't say. */
export const unknownExit = 137;

/** How the process ended that an event says has ended. */
export const endingOf = (
  fact: Fact<Extract<DomainEvent, { type: 'task-exited' | 'task-lost' | 'exec-exited' | 'exec-lost' }>>,
): Ending => {
  if (fact.type === 'task-lost' || fact.type === 'exec-lost') {
    return { exitCode: unknownExit, exitedAt: fact.meta.time.wall };
  }
  const { exitCode, exitedAt } = fact.data;
  return { exitCode, exitedAt };
};
