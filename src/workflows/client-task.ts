import type { AnyValue } from '../domain/any-value.ts';
import type { ClientOrder, ExecOrder } from '../domain/client-order.ts';
import { findContainer } from '../domain/containers.ts';
import type { ExecId } from '../domain/identity.ts';
import { Rejection } from '../domain/rejection.ts';
import { findTask } from '../domain/tasks.ts';
import type { TaskAddress } from './effects.ts';
import { dispatch, look, perform, type Workflow } from './steps.ts';
import { act, cleanUp, failureOf, stop } from './task.ts';

/**
 * Tasks of containerd's clients, one verb after another as the client asks for them: unlike our own, a task stays created
 * until it is started, and stays stopped until it is deleted, and so do its extra processes.
 */

/**
 * Makes the process of a client's container.
 * @param images folder with images of processes to go on from
 */
export function* createClientTask(
  task: TaskAddress,
  order: ClientOrder,
  images?: string,
): Workflow<{ readonly pid: number }> {
  const container = findContainer((yield* look()).container, task.namespace, task.id);
  if (container !== undefined && container.made !== 'client') {
    throw new Rejection(
      'failed-precondition',
      `container '${container.name}' was made by Shiplog, which holds its streams; start it with 'shiplog start'`,
    );
  }
  yield* dispatch({ type: 'request-task', ...task, order });
  if (container === undefined) throw new Rejection('internal', `container '${task.id}' is not there`);
  try {
    const { pid } = yield* perform('create-client-task', { container, order, images });
    yield* dispatch({ type: 'record-task-created', ...task, pid });
    return { pid };
  } catch (error) {
    return yield* failed(task, 'create', error);
  }
}

/** Lets a created task run. */
export function* startClientTask(task: TaskAddress): Workflow<{ readonly pid: number }> {
  yield* dispatch({ type: 'request-start', ...task });
  try {
    const { pid } = yield* perform('start-task', task);
    yield* dispatch({ type: 'record-task-started', ...task, pid });
    return { pid };
  } catch (error) {
    return yield* failed(task, 'start', error);
  }
}

function* failed(task: TaskAddress, stage: 'create' | 'start', error: unknown): Workflow<never> {
  yield* perform('purge-task', task);
  const { exitCode, message } = failureOf(error);
  yield* dispatch({ type: 'record-task-failed', ...task, stage, exitCode, error: message });
  throw error;
}

/** Frees a task that has ended, or was never started. */
export function* deleteClientTask(task: TaskAddress): Workflow<void> {
  const found = findTask((yield* look()).task, task.namespace, task.id);
  if (found?.state.status === 'created') yield* stop({ ...task, signal: 9 });
  yield* cleanUp(task);
}

export function* createClientExec(task: TaskAddress, execId: ExecId, order: ExecOrder): Workflow<void> {
  yield* dispatch({ type: 'request-client-exec', ...task, execId, order });
  try {
    yield* perform('create-client-exec', { ...task, execId, order });
    yield* dispatch({ type: 'record-client-exec-created', ...task, execId });
  } catch (error) {
    const { exitCode, message } = failureOf(error);
    yield* dispatch({ type: 'record-exec-failed', ...task, execId, exitCode, error: message });
    throw error;
  }
}

export function* startClientExec(task: TaskAddress, execId: ExecId): Workflow<{ readonly pid: number }> {
  yield* dispatch({ type: 'request-exec-start', ...task, execId });
  try {
    const { pid } = yield* perform('start-client-exec', { ...task, execId });
    yield* dispatch({ type: 'record-exec-started', ...task, execId, pid });
    return { pid };
  } catch (error) {
    const { exitCode, message } = failureOf(error);
    yield* dispatch({ type: 'record-exec-failed', ...task, execId, exitCode, error: message });
    throw error;
  }
}

/** Frees an extra process that has ended, or was never started. */
export function* deleteClientExec(task: TaskAddress, execId: ExecId): Workflow<void> {
  yield* perform('end-exec', { ...task, execId });
  yield* dispatch({ type: 'record-exec-deleted', ...task, execId });
}

/**
 * Writes images of the processes of a task.
 * @param path what the caller named; empty where nothing was named
 * @param folder where they go
 */
export function* checkpointClientTask(
  task: TaskAddress,
  path: string,
  folder: string,
  options: AnyValue | undefined,
): Workflow<void> {
  yield* dispatch({
    type: 'request-checkpoint',
    ...task,
    path,
    ...(options === undefined ? {} : { options }),
  });
  yield* act(task, 'checkpoint', perform('checkpoint-task', { ...task, folder, options }));
  yield* dispatch({ type: 'record-checkpointed', ...task, path });
}

/** Changes the limits of a task. */
export function* updateClientTask(
  task: TaskAddress,
  resources: AnyValue,
  annotations: Readonly<Record<string, string>>,
): Workflow<void> {
  yield* dispatch({ type: 'request-update', ...task, resources, annotations });
  yield* act(task, 'update', perform('update-task', { ...task, resources, annotations }));
  yield* dispatch({ type: 'record-updated', ...task });
}
