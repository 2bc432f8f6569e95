import { type Container, findContainer, type OwnContainer } from '../domain/containers.ts';
import type { ExecId } from '../domain/identity.ts';
import { Rejection } from '../domain/rejection.ts';
import { signalNumber } from '../domain/signals.ts';
import { ancestors, findSnapshot } from '../domain/snapshots.ts';
import { findTask } from '../domain/tasks.ts';
import type { Command, World } from '../domain/world.ts';
import type { TaskAddress } from './effects.ts';
import { dispatch, look, perform, type Workflow } from './steps.ts';

/** The container a task is of. */
const containerIn = (world: World, { namespace, id }: TaskAddress): Container => {
  const container = findContainer(world.container, namespace, id);
  if (container) return container;
  throw new Rejection(
    'not-found',
    `container '${id.slice(0, 12)}' does not exist in namespace '${namespace}'`,
  );
};

/** The same, where Shiplog made it. */
const ownIn = (world: World, task: TaskAddress): OwnContainer => {
  const container = containerIn(world, task);
  if (container.made !== 'client') return container;
  throw new Rejection(
    'failed-precondition',
    `container '${container.name}' was made by a client of containerd's API, which holds its streams; start it with that client`,
  );
};

/** Runs a created (or ended) container: the intent to make and start its process, both acts, their outcomes. */
export function* startTask(task: TaskAddress): Workflow<{ readonly pid: number }> {
  const world = yield* look();
  ownIn(world, task);
  const before = findTask(world.task, task.namespace, task.id);
  // It has just ended: what it used goes first.
  if (before?.state.status === 'stopped') yield* cleanUp(task);
  yield* dispatch(...requestsOf(task));
  return yield* carryOut(task);
}

/** The intent to make a task and let it run, as one batch: {@link carryOut} follows. */
export const requestsOf = ({ namespace, id }: TaskAddress): readonly Command[] => [
  { type: 'request-task', namespace, id },
  { type: 'request-start', namespace, id },
];

/** What follows once the intent to create and start the task is in the log. */
export function* carryOut(task: TaskAddress): Workflow<{ readonly pid: number }> {
  const world = yield* look();
  const container = ownIn(world, task);
  // Its outcomes are recorded together: nobody waits for the disk between the two acts.
  let made: readonly Command[] = [];
  try {
    const root = findSnapshot(world.snapshot, { ...container, key: container.snapshotKey });
    if (!root) {
      throw new Rejection('failed-precondition', `the root of container '${container.name}' is gone`);
    }
    const chain = [root.id, ...ancestors(world.snapshot, root).map(({ id }) => id)];
    const { pid } = yield* perform('create-task', { container, root: chain });
    made = [{ type: 'record-task-created', ...task, pid }];
    yield* perform('start-task', task);
    yield* dispatch(...made, { type: 'record-task-started', ...task, pid });
    return { pid };
  } catch (error) {
    yield* perform('purge-task', task);
    const { exitCode, message } = failureOf(error);
    const stage = made.length === 0 ? 'create' : 'start';
    yield* dispatch(...made, { type: 'record-task-failed', ...task, stage, exitCode, error: message });
    throw error;
  }
}

/** The exit code that docker would use for a process that never ran, and the reason. */
export const failureOf = (error: unknown): { exitCode: number; message: string } => {
  const message = (error instanceof Error ? error.message : String(error)).slice(0, 4096);
  const exitCode =
    error instanceof Error && 'exitCode' in error && typeof error.exitCode === 'number'
      ? error.exitCode
      : 125;
  return { exitCode, message };
};

/** Frees an ended task: shim, bundle, mount of the root, streams. */
export function* cleanUp(task: TaskAddress): Workflow<void> {
  yield* perform('tear-down-task', task);
  // Somebody else may have freed it at the same time, and removed the container since.
  if (findTask((yield* look()).task, task.namespace, task.id)) {
    yield* dispatch({ type: 'record-task-deleted', ...task });
  }
}

/** An act on the processes of a task between its intent and its outcome. */
export function* act(
  task: TaskAddress,
  action: 'pause' | 'resume' | 'signal' | 'update' | 'checkpoint',
  acting: Workflow<void>,
): Workflow<void> {
  try {
    yield* acting;
  } catch (error) {
    yield* dispatch({ type: 'record-action-failed', ...task, action, error: failureOf(error).message });
    throw error;
  }
}

export function* pause(task: TaskAddress): Workflow<void> {
  yield* dispatch({ type: 'request-pause', ...task });
  yield* act(task, 'pause', perform('pause-task', task));
  yield* dispatch({ type: 'record-paused', ...task });
}

export function* resume(task: TaskAddress): Workflow<void> {
  yield* dispatch({ type: 'request-resume', ...task });
  yield* act(task, 'resume', perform('resume-task', task));
  yield* dispatch({ type: 'record-resumed', ...task });
}

/** @param execId the extra process that it is for; the main one when absent */
export function* signal(task: TaskAddress, number: number, all = false, execId?: ExecId): Workflow<void> {
  const to = execId === undefined ? task : { ...task, execId };
  yield* dispatch({ type: 'request-signal', ...to, signal: number, all });
  yield* act(task, 'signal', perform('signal-task', { ...to, signal: number, all }));
  yield* dispatch({ type: 'record-signalled', ...to, signal: number });
}

const SIGKILL = 9;

/** How a container likes to be stopped; a client's may say so in the label that containerd's clients set. */
const stopOf = (container: Container): { readonly stopSignal: string; readonly stopTimeout: number } =>
  container.made !== 'client'
    ? container.config
    : {
        stopSignal: container.labels['io.containerd.image.config.stop-signal'] ?? 'SIGTERM',
        stopTimeout: 10,
      };

export interface StopRequest extends TaskAddress {
  /** Seconds before SIGKILL; the container's own when absent. */
  readonly timeout?: number;
  /** The container's own when absent. */
  readonly signal?: number;
}

/** Asks a container to end, then makes it end. @returns once the log says that it has ended; nothing happens where it had */
export function* stop({ namespace, id, ...request }: StopRequest): Workflow<void> {
  const task = { namespace, id };
  const world = yield* look();
  const container = containerIn(world, task);
  const found = findTask(world.task, namespace, id);
  if (!found || found.state.status === 'over' || found.state.status === 'stopped') return;
  if (found.state.status === 'paused') yield* resume(task);
  const { stopSignal, stopTimeout } = stopOf(container);
  const own = signalNumber(stopSignal);
  const first = request.signal ?? (own instanceof Rejection ? 15 : own);
  const ms = (request.timeout ?? stopTimeout) * 1000;
  yield* endBy(task, first);
  if (first !== SIGKILL && !(yield* perform('await-end', { ...task, ms }))) yield* endBy(task, SIGKILL);
  if (!(yield* perform('await-end', { ...task, ms: killPatience }))) {
    throw new Rejection(
      'deadline-exceeded',
      `container '${container.name}' did not end within ${killPatience / 1000} s of SIGKILL`,
    );
  }
}

/** How long a killed process may take to be gone (milliseconds): uninterruptible sleep is out of our hands. */
const killPatience = 10_000;

/** Signals a task that may have ended meanwhile, which is as good. */
function* endBy(task: TaskAddress, number: number): Workflow<void> {
  try {
    yield* signal(task, number, number === SIGKILL);
  } catch (error) {
    const gone =
      error instanceof Rejection && (error.code === 'not-found' || error.code === 'failed-precondition');
    if (!gone) throw error;
  }
}
