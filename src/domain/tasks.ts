import { z } from 'zod';
import { jsonOf } from './any-value.ts';
import type { ClientOrder, ExecOrder } from './client-order.ts';
import type { ProcessConfig } from './container-config.ts';
import type { Fact } from './event.ts';
import type { ContainerId, ExecId, Namespace, Timestamp } from './identity.ts';
import { joined } from './joined.ts';
import { PersistentMap } from './persistent-map.ts';
import type { TaskEvent } from './task-events.ts';

// Identity: a container has at most one task, so a task is named by its container; an exec by an id within it.
const keyOf = (namespace: Namespace, id: ContainerId) => joined(namespace, id);

// Events stand in task-events.ts, commands and decisions in task-decisions.ts.

// State
/** How a process ended; `lost` where that can't be known. */
export type Ended =
  | { readonly how: 'exited'; readonly exitCode: number; readonly at: Timestamp }
  | { readonly how: 'failed'; readonly exitCode: number; readonly error: string; readonly at: Timestamp }
  | { readonly how: 'lost'; readonly because: string; readonly at: Timestamp };

/** What an extra process is to be: our own, or what a client ordered and frees itself. */
export type ExecKind = { readonly process: ProcessConfig } | { readonly order: ExecOrder };
export type Exec = { readonly execId: ExecId } & ExecKind &
  (
    | { readonly status: 'creating' | 'created' | 'starting' }
    | { readonly status: 'running'; readonly pid: number; readonly startedAt: Timestamp }
    | { readonly status: 'ended'; readonly pid?: number; readonly ended: Ended }
  );

export type TaskStatus =
  /** The intent is logged, the outcome is not; with `start` also the intent to let the process run once it is made. */
  | { readonly status: 'creating'; readonly start?: true }
  | { readonly status: 'created'; readonly pid: number }
  | { readonly status: 'starting'; readonly pid: number }
  | { readonly status: 'running' | 'paused'; readonly pid: number; readonly startedAt: Timestamp }
  /** Ended, with its shim, bundle and mount still there. */
  | ({ readonly status: 'stopped' } & Past)
  /** Ended and freed; kept for asking how it went until the container runs again or goes. */
  | ({ readonly status: 'over' } & Past);

interface Past {
  /** Of the process that a client's task had. */
  readonly pid?: number;
  readonly startedAt?: Timestamp;
  readonly ended: Ended;
}

export interface Task {
  readonly namespace: Namespace;
  readonly id: ContainerId;
  readonly state: TaskStatus;
  /** A client ordered it: the client holds its streams, and frees it when it has ended. */
  readonly order?: ClientOrder;
  readonly oomKilled: boolean;
  /** Pause or resume that was asked for and has no outcome yet. */
  readonly pending?: 'pause' | 'resume';
  readonly execs: Readonly<Record<string, Exec>>;
}
export type Tasks = PersistentMap<Task>;
export const noTasks: Tasks = PersistentMap.empty();
export const findTask = (state: Tasks, namespace: Namespace, id: ContainerId): Task | undefined =>
  state.get(keyOf(namespace, id));
/** Whether something of it may be on the host: a process, a shim, a mount. */
export const isOnHost = (task: Task | undefined): boolean =>
  task !== undefined && task.state.status !== 'over';
/** Whether its start is asked for, and has no outcome yet. */
export const isToStart = (task: Task | undefined): boolean =>
  task?.state.status === 'starting' || (task?.state.status === 'creating' && task.state.start === true);
/** Whether its client frees it. */
export const isClients = (thing: Task | Exec | undefined): boolean =>
  thing !== undefined && 'order' in thing && thing.order !== undefined;
/** Whether it may still have a process. */
export const isAlive = (task: Task | undefined): boolean =>
  isOnHost(task) && task?.state.status !== 'stopped';
/** What there is of it, for its container. */
export const presenceOf = (task: Task | undefined): 'none' | 'ended' | 'alive' => {
  if (!isOnHost(task)) return 'none';
  return isAlive(task) ? 'alive' : 'ended';
};
export const isRunning = (task: Task | undefined): boolean =>
  task?.state.status === 'running' || task?.state.status === 'paused';

/** What an extra process runs. */
export const argsOf = (exec: Exec): readonly string[] => {
  if ('process' in exec) return exec.process.args;
  const read = z.object({ args: z.array(z.string()) }).safeParse(jsonOf(exec.order.spec));
  return read.success ? read.data.args : [];
};

// Evolve
const pastOf = ({ state, order }: Task) => ({
  // Clients ask for it afterwards, too.
  ...(order !== undefined && 'pid' in state && state.pid !== undefined ? { pid: state.pid } : {}),
  ...('startedAt' in state && state.startedAt !== undefined ? { startedAt: state.startedAt } : {}),
});

const withExec = (task: Task, exec: Exec): Task => ({
  ...task,
  execs: { ...task.execs, [exec.execId]: exec },
});

const settled = ({ pending: _, ...task }: Task): Task => task;

const ended = (task: Task, how: Ended): Task => ({
  ...settled(task),
  state: { status: 'stopped', ...pastOf(task), ended: how },
});

type ExecEvent = Extract<TaskEvent, { type: `exec-${string}` | `client-exec-${string}` }>;

const kindOf = (exec: Exec | undefined): ExecKind | undefined => {
  if (exec === undefined) return undefined;
  return 'order' in exec ? { order: exec.order } : { process: exec.process };
};

const without = (task: Task, execId: ExecId): Task => {
  const { [execId]: _, ...execs } = task.execs;
  return { ...task, execs };
};

/** Ended extra processes of a task that are kept for asking how they went: health checks make thousands. */
export const endedExecsKept = 32;

/** Without what ended first, where more extra processes have ended than are kept. Clients free theirs themselves. */
export const trimmed = (task: Task): Task => {
  const over = Object.values(task.execs).flatMap((exec) =>
    exec.status === 'ended' && !isClients(exec) ? [exec] : [],
  );
  if (over.length <= endedExecsKept) return task;
  const kept = over.sort((a, b) => a.ended.at - b.ended.at).slice(-endedExecsKept);
  const alive = Object.values(task.execs).filter(
    (exec) => !over.some(({ execId }) => execId === exec.execId),
  );
  return { ...task, execs: Object.fromEntries([...kept, ...alive].map((exec) => [exec.execId, exec])) };
};

const evolveExec = (task: Task, event: Fact<ExecEvent>): Task => {
  const at = event.meta.time.wall;
  const { execId } = event.data;
  if (event.type === 'exec-requested') {
    return withExec(task, { execId, process: event.data.process, status: 'starting' });
  }
  if (event.type === 'client-exec-requested') {
    return withExec(task, { execId, order: event.data.order, status: 'creating' });
  }
  const known = task.execs[execId];
  const kind = kindOf(known);
  if (known === undefined || kind === undefined) return task;
  const endedSo = (how: Ended): Task => {
    const past = known.status === 'running' && 'order' in known ? { pid: known.pid } : {};
    return trimmed(withExec(task, { execId, ...kind, status: 'ended', ...past, ended: how }));
  };
  switch (event.type) {
    case 'client-exec-created':
      return withExec(task, { execId, ...kind, status: 'created' });
    case 'exec-start-requested':
      return withExec(task, { execId, ...kind, status: 'starting' });
    case 'exec-started':
      return withExec(task, { execId, ...kind, status: 'running', pid: event.data.pid, startedAt: at });
    case 'exec-failed': {
      // One that the shim would not take is not there for its client.
      if (known.status === 'creating') return without(task, execId);
      const { exitCode, error } = event.data;
      return endedSo({ how: 'failed', exitCode, error, at });
    }
    case 'exec-exited':
      return endedSo({ how: 'exited', exitCode: event.data.exitCode, at: event.data.exitedAt });
    case 'exec-lost':
      return endedSo({ how: 'lost', because: event.data.because, at });
    case 'exec-deleted':
      return without(task, execId);
    default:
      return event satisfies never;
  }
};

const evolveTask = (task: Task, event: Fact<TaskEvent>): Task => {
  const at = event.meta.time.wall;
  const { state } = task;
  switch (event.type) {
    case 'task-create-requested':
      return task;
    case 'task-created':
      return { ...task, state: { status: isToStart(task) ? 'starting' : 'created', pid: event.data.pid } };
    case 'task-start-requested':
      if (state.status === 'creating') return { ...task, state: { ...state, start: true } };
      return state.status === 'created' ? { ...task, state: { status: 'starting', pid: state.pid } } : task;
    case 'task-started':
      return { ...task, state: { status: 'running', pid: event.data.pid, startedAt: at } };
    case 'task-failed': {
      const { exitCode, error } = event.data;
      return { ...task, state: { status: 'over', ended: { how: 'failed', exitCode, error, at } } };
    }
    case 'task-pause-requested':
      return { ...task, pending: 'pause' };
    case 'task-resume-requested':
      return { ...task, pending: 'resume' };
    case 'task-paused':
    case 'task-resumed':
      if (state.status !== 'running' && state.status !== 'paused') return settled(task);
      return {
        ...settled(task),
        state: { ...state, status: event.type === 'task-paused' ? 'paused' : 'running' },
      };
    case 'task-action-failed':
      return settled(task);
    case 'task-signal-requested':
    case 'task-signalled':
    case 'task-checkpoint-requested':
    case 'task-checkpointed':
    case 'task-update-requested':
    case 'task-updated':
      return task;
    case 'task-oom':
      return { ...task, oomKilled: true };
    case 'task-exited':
      return ended(task, { how: 'exited', exitCode: event.data.exitCode, at: event.data.exitedAt });
    case 'task-lost':
      return ended(task, { how: 'lost', because: event.data.because, at });
    case 'task-deleted':
      return state.status === 'stopped' ? { ...task, state: { ...state, status: 'over' }, execs: {} } : task;
    default:
      return evolveExec(task, event);
  }
};

export const evolveTasks = (state: Tasks, event: Fact<TaskEvent>): Tasks => {
  const { namespace, id } = event.data;
  const key = keyOf(namespace, id);
  if (event.type === 'task-create-requested') {
    const { order } = event.data;
    const ordered = order === undefined ? {} : { order };
    const creating = { status: 'creating' } as const;
    return state.set(key, { namespace, id, state: creating, ...ordered, oomKilled: false, execs: {} });
  }
  const task = state.get(key);
  return task === undefined ? state : state.set(key, evolveTask(task, event));
};

/** The tasks once a container is gone. */
export const forgetTask = (state: Tasks, { namespace, id }: Pick<Task, 'namespace' | 'id'>): Tasks =>
  state.delete(keyOf(namespace, id));
