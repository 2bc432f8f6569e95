import type { Fact } from '../domain/event.ts';
import type { ExecId } from '../domain/identity.ts';
import { asRejection, Rejection } from '../domain/rejection.ts';
import { type Ended, findTask, isToStart } from '../domain/tasks.ts';
import type { DomainEvent, World } from '../domain/world.ts';
import type { Ledger } from './ledger.ts';
import type { TaskKey } from './ports/task-key.ts';

export interface AwaitedProcess extends TaskKey {
  /** The task's own process when absent. */
  readonly execId?: ExecId | undefined;
}

/** How a process ended, by the world; `gone` where nothing is known of it. */
const endedIn = (world: World, { namespace, id, execId }: AwaitedProcess): Ended | 'gone' | undefined => {
  const task = findTask(world.task, namespace, id);
  if (task === undefined) return 'gone';
  if (execId === undefined) return 'ended' in task.state ? task.state.ended : undefined;
  const exec = task.execs[execId];
  if (exec === undefined) return 'gone';
  return exec.status === 'ended' ? exec.ended : undefined;
};

/**
 * How a process ended, by an event about it. The world may know nothing of it any more: a container that goes with its
 * exit is removed in the same batch. The end of another exec says nothing of this one.
 */
const endedBy = (fact: Fact<DomainEvent>, { execId }: AwaitedProcess): Ended | 'gone' | undefined => {
  const at = fact.meta.time.wall;
  switch (fact.type) {
    case 'task-exited':
    case 'exec-exited': {
      const { exitCode, exitedAt } = fact.data;
      return isOf(fact.data, execId) ? { how: 'exited', exitCode, at: exitedAt } : undefined;
    }
    case 'task-failed':
    case 'exec-failed': {
      const { exitCode, error } = fact.data;
      return isOf(fact.data, execId) ? { how: 'failed', exitCode, error, at } : undefined;
    }
    case 'task-lost':
    case 'exec-lost':
      return isOf(fact.data, execId) ? { how: 'lost', because: fact.data.because, at } : undefined;
    case 'container-removed':
      return 'gone';
    default:
      return undefined;
  }
};

const isOf = (data: object, execId: ExecId | undefined): boolean =>
  'execId' in data ? data.execId === execId : execId === undefined;

export interface AwaitEnd {
  readonly signal?: AbortSignal | undefined;
  /** Fires with the reason when nobody is to wait any more. */
  readonly stopping?: AbortSignal | undefined;
  /** Only an end from now on counts: the process is about to be started. */
  readonly next?: boolean;
}

/** Resolves when the log says that a process has ended. @throws Rejection `cancelled`, or why nobody waits any more */
export const awaitEnd = (
  ledger: Ledger,
  process: AwaitedProcess,
  { signal, stopping, next = false }: AwaitEnd = {},
): Promise<Ended | 'gone'> =>
  new Promise((resolve, reject) => {
    const now = next ? undefined : endedIn(ledger.durable.world, process);
    if (now !== undefined) {
      resolve(now);
      return;
    }
    const finish = (settle: () => void) => {
      watch.unsubscribe();
      signal?.removeEventListener('abort', abort);
      stopping?.removeEventListener('abort', stop);
      settle();
    };
    const abort = () => finish(() => reject(new Rejection('cancelled', 'the caller went away')));
    const stop = () => finish(() => reject(asRejection(stopping?.reason)));
    const watch = ledger.recorded.subscribe((fact) => {
      const { data } = fact;
      if (!('id' in data) || data.id !== process.id || data.namespace !== process.namespace) return;
      const ended = endedBy(fact, process);
      if (ended !== undefined) finish(() => resolve(ended));
    });
    signal?.addEventListener('abort', abort, { once: true });
    stopping?.addEventListener('abort', stop, { once: true });
    if (signal?.aborted) abort();
    else if (stopping?.aborted) stop();
  });

/** Milliseconds that the end of a task waits for those of its execs. */
const execPatience = 100;

/**
 * Resolves when no exec of a task counts as running any more, at the latest after {@link execPatience}. The kernel ends the
 * first process of a pid namespace after all others, but a shim tells of their ends in any order.
 */
export const execsSettled = (ledger: Ledger, { namespace, id }: TaskKey): Promise<void> =>
  new Promise((resolve) => {
    const isOver = () => {
      const execs = Object.values(findTask(ledger.head.world.task, namespace, id)?.execs ?? {});
      return !execs.some(({ status }) => status === 'starting' || status === 'running');
    };
    if (isOver()) {
      resolve();
      return;
    }
    const finish = () => {
      clearTimeout(late);
      watch.unsubscribe();
      resolve();
    };
    const late = setTimeout(finish, execPatience);
    const watch = ledger.recorded.subscribe(() => {
      if (isOver()) finish();
    });
  });

/** Resolves when a start under way has its outcome in the log: the exit that it may lead to stands behind it. */
export const startSettled = (ledger: Ledger, { namespace, id }: TaskKey): Promise<void> =>
  new Promise((resolve) => {
    const isStarting = () => isToStart(findTask(ledger.head.world.task, namespace, id));
    if (!isStarting()) {
      resolve();
      return;
    }
    const watch = ledger.recorded.subscribe(() => {
      if (isStarting()) return;
      watch.unsubscribe();
      resolve();
    });
  });
