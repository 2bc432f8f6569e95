import type { ProcessConfig } from './container-config.ts';
import type { Fact } from './event.ts';
import type { ContainerId, ExecId, Namespace, Timestamp } from './identity.ts';
import { PersistentMap } from './persistent-map.ts';
import type { TaskEvent } from './task-events.ts';

// Identity: a container has at most one task, so a task is named by its container; an exec by an id within it.
const keyOf = (namespace: Namespace, id: ContainerId) => `${namespace}/${id}`;

// Events stand in task-events.ts, commands and decisions in task-decisions.ts.

// State
/** How a process ended; `lost` where that can't be known. */
export type Ended =
  | { readonly how: 'exited'; readonly exitCode: number; readonly at: Timestamp }
  | { readonly how: 'failed'; readonly exitCode: number; readonly error: string; readonly at: Timestamp }
  | { readonly how: 'lost'; readonly because: string; readonly at: Timestamp };

export type Exec = {
  readonly execId: ExecId;
  readonly process: ProcessConfig;
} & (
  | { readonly status: 'starting' }
  | { readonly status: 'running'; readonly pid: number; readonly startedAt: Timestamp }
  | { readonly status: 'ended'; readonly ended: Ended }
);

export type TaskStatus =
  /** The intent is logged, the outcome is not. */
  | { readonly status: 'creating' }
  | { readonly status: 'created'; readonly pid: number }
  | { readonly status: 'starting'; readonly pid: number }
  | { readonly status: 'running' | 'paused'; readonly pid: number; readonly startedAt: Timestamp }
  /** Ended, with its shim, bundle and mount still there. */
  | { readonly status: 'stopped'; readonly startedAt?: Timestamp; readonly ended: Ended }
  /** Ended and freed; kept for asking how it went until the container runs again or goes. */
  | { readonly status: 'over'; readonly startedAt?: Timestamp; readonly ended: Ended };

export interface Task {
  readonly namespace: Namespace;
  readonly id: ContainerId;
  readonly state: TaskStatus;
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
/** Whether it may still have a process. */
export const isAlive = (task: Task | undefined): boolean =>
  isOnHost(task) && task?.state.status !== 'stopped';
export const isRunning = (task: Task | undefined): boolean =>
  task?.state.status === 'running' || task?.state.status === 'paused';

// Evolve
const startedAtOf = (state: TaskStatus) =>
  'startedAt' in state && state.startedAt !== undefined ? { startedAt: state.startedAt } : {};

const withExec = (task: Task, exec: Exec): Task => ({
  ...task,
  execs: { ...task.execs, [exec.execId]: exec },
});

const settled = ({ pending: _, ...task }: Task): Task => task;

const ended = (task: Task, how: Ended): Task => ({
  ...settled(task),
  state: { status: 'stopped', ...startedAtOf(task.state), ended: how },
});

const evolveExec = (task: Task, event: Fact<Extract<TaskEvent, { type: `exec-${string}` }>>): Task => {
  const at = event.meta.time.wall;
  const { execId } = event.data;
  const process = event.type === 'exec-requested' ? event.data.process : task.execs[execId]?.process;
  if (process === undefined) return task;
  switch (event.type) {
    case 'exec-requested':
      return withExec(task, { execId, process, status: 'starting' });
    case 'exec-started':
      return withExec(task, { execId, process, status: 'running', pid: event.data.pid, startedAt: at });
    case 'exec-failed': {
      const { exitCode, error } = event.data;
      return withExec(task, {
        execId,
        process,
        status: 'ended',
        ended: { how: 'failed', exitCode, error, at },
      });
    }
    case 'exec-exited': {
      const { exitCode, exitedAt } = event.data;
      const how: Ended = { how: 'exited', exitCode, at: exitedAt };
      return withExec(task, { execId, process, status: 'ended', ended: how });
    }
    case 'exec-lost': {
      const how: Ended = { how: 'lost', because: event.data.because, at };
      return withExec(task, { execId, process, status: 'ended', ended: how });
    }
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
      return { ...task, state: { status: 'created', pid: event.data.pid } };
    case 'task-start-requested':
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
    return state.set(key, { namespace, id, state: { status: 'creating' }, oomKilled: false, execs: {} });
  }
  const task = state.get(key);
  return task === undefined ? state : state.set(key, evolveTask(task, event));
};

/** The tasks once a container is gone. */
export const forgetTask = (state: Tasks, { namespace, id }: Pick<Task, 'namespace' | 'id'>): Tasks =>
  state.delete(keyOf(namespace, id));
