import type { ExecId } from '../../domain/identity.ts';
import { isRejection } from '../../domain/rejection.ts';
import type { ProbedTask, TaskKey } from '../../engine/ports/runtime.ts';
import { type StateResponse, Task } from '../../gen/containerd/task/v2/shim_pb.ts';
import { Status } from '../../gen/containerd/v1/types/task_pb.ts';
import { listExecs } from './bundle.ts';
import { readEndpoint } from './endpoint.ts';
import type { ShimTimeouts } from './options.ts';
import { exitOf } from './shim.ts';
import { connectTask, type TaskClient } from './task-client.ts';

/** Asks the shim of one bundle how its task is. Never takes longer than the probe's time, never throws for a bad shim. */
export const probeBundle = async (
  task: TaskKey,
  bundle: string,
  timeouts: ShimTimeouts,
): Promise<ProbedTask> => {
  const endpoint = readEndpoint(bundle);
  if (endpoint === undefined) return { task, state: { status: 'dead' }, execs: [] };
  let client: TaskClient | undefined;
  try {
    const name = `the shim of ${task.namespace}/${task.id}`;
    client = await connectTask({ endpoint, namespace: task.namespace, name }, timeouts.probe);
    const [state, execs] = await Promise.all([
      client.call(Task.method.state, { id: task.id }, timeouts.probe),
      liveExecs(client, task, bundle, timeouts),
    ]);
    return { task, state: stateOf(state), execs };
  } catch (error) {
    if (!isRejection(error)) throw error;
    const hung = error.code === 'deadline-exceeded';
    return { task, state: { status: hung ? 'hung' : 'dead' }, execs: [] };
  } finally {
    client?.close();
  }
};

const stateOf = (answer: StateResponse): ProbedTask['state'] => {
  switch (answer.status) {
    case Status.CREATED:
      return { status: 'created', pid: answer.pid };
    case Status.RUNNING:
      return { status: 'running', pid: answer.pid };
    case Status.PAUSED:
    case Status.PAUSING:
      return { status: 'paused', pid: answer.pid };
    case Status.STOPPED:
      return { status: 'stopped', exit: exitOf(answer) };
    default:
      return { status: 'dead' };
  }
};

/** The execs that were begun in this bundle and that the shim still has. */
const liveExecs = async (
  client: TaskClient,
  task: TaskKey,
  bundle: string,
  timeouts: ShimTimeouts,
): Promise<readonly ExecId[]> => {
  const asked = (await listExecs(bundle)).map(async (execId) => {
    try {
      await client.call(Task.method.state, { id: task.id, execId }, timeouts.probe);
      return [execId];
    } catch (error) {
      if (isRejection(error) && error.code === 'not-found') return [];
      throw error;
    }
  });
  return (await Promise.all(asked)).flat();
};
