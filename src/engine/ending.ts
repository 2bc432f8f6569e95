import type { Fact } from '../domain/event.ts';
import type { ExecId } from '../domain/identity.ts';
import { Rejection } from '../domain/rejection.ts';
import { type Ended, findTask } from '../domain/tasks.ts';
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

const endings: ReadonlySet<DomainEvent['type']> = new Set([
  'task-exited',
  'task-failed',
  'task-lost',
  'exec-exited',
  'exec-failed',
  'exec-lost',
  'container-removed',
]);

export interface AwaitEnd {
  readonly signal?: AbortSignal | undefined;
  /** Only an end from now on counts: the process is about to be started. */
  readonly next?: boolean;
}

/** Resolves when the log says that a process has ended. @throws Rejection as the signal's reason */
export const awaitEnd = (
  ledger: Ledger,
  process: AwaitedProcess,
  { signal, next = false }: AwaitEnd = {},
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
      settle();
    };
    const abort = () => finish(() => reject(new Rejection('cancelled', 'the caller went away')));
    const isOf = ({ type, data }: Fact<DomainEvent>) =>
      endings.has(type) &&
      'id' in data &&
      data.id === process.id &&
      data.namespace === process.namespace &&
      // The end of another exec says nothing of this one, which the log may not even name yet.
      (!('execId' in data) || data.execId === process.execId);
    const watch = ledger.recorded.subscribe((fact) => {
      const ended = isOf(fact) ? endedIn(ledger.durable.world, process) : undefined;
      if (ended !== undefined) finish(() => resolve(ended));
    });
    if (signal?.aborted) abort();
    else signal?.addEventListener('abort', abort, { once: true });
  });
