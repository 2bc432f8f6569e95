import { findContainer } from '../../domain/containers.ts';
import type { ContainerId, Namespace } from '../../domain/identity.ts';
import { Rejection } from '../../domain/rejection.ts';
import {
  type Ended,
  type Exec,
  findTask,
  isAlive,
  isClients,
  isOnHost,
  type Task,
} from '../../domain/tasks.ts';
import type { World } from '../../domain/world.ts';
import { containerdFilter } from '../../projections/containerd-filters.ts';
import {
  checkpointClientTask,
  createClientExec,
  createClientTask,
  deleteClientExec,
  deleteClientTask,
  startClientExec,
  startClientTask,
  updateClientTask,
} from '../../workflows/client-task.ts';
import type { Workflow } from '../../workflows/steps.ts';
import { pause, resume, signal } from '../../workflows/task.ts';
import { awaitEnd } from '../ending.ts';
import { StartFailure } from '../ports/runtime.ts';
import type { StoreCall } from '../ports/store/call.ts';
import type { ProcessExit, ProcessName, ProcessState, TaskMetric, TaskStore } from '../ports/store/tasks.ts';
import type { Checkpoints } from './checkpoints.ts';
import type { StoreParts } from './parts.ts';

/** What containerd calls the exit status of a process whose end nobody knows. */
const unknownExit = 255;

export const taskStore = (
  { ledger, runner, ports, stopping }: StoreParts,
  checkpoints: Checkpoints,
): TaskStore => {
  const { runtime, clock, logger } = ports;
  /** Steps of a client are carried out to their end, also where it goes away meanwhile. */
  const run = async <T>(workflow: Workflow<T>, { cause }: StoreCall): Promise<T> => {
    const result = await runner.run(workflow, { cause });
    await ledger.settled();
    return result;
  };
  const shown = (process: ProcessName) => taskIn(ledger.durable.world, process);
  /** Of what the head says: what was asked before has been decided there. */
  const there = (process: ProcessName) => taskIn(ledger.head.world, process);

  const stepOf = (process: ProcessName): { task: Task; exec: Exec | undefined } => {
    const task = there(process);
    return { task, exec: execOf(task, process) };
  };

  return {
    create: async (namespace, id, order, call) => {
      const { world } = ledger.head;
      if (!findContainer(world.container, namespace, id)) throw noContainer(namespace, id);
      if (isOnHost(findTask(world.task, namespace, id))) {
        throw new Rejection('already-exists', `task ${id}: already exists`);
      }
      try {
        const made = (images?: string) => run(createClientTask({ namespace, id }, order, images), call);
        const { checkpoint } = order;
        return await (checkpoint === undefined ? made() : checkpoints.restoring(namespace, checkpoint, made));
      } catch (error) {
        if (!(error instanceof StartFailure)) throw error;
        // Clients look for containerd's words around those of the OCI runtime.
        const message = `failed to create shim task: ${error.message}`;
        throw new StartFailure(error.exitCode, message, { cause: error });
      }
    },
    start: (process, call) => {
      const { namespace, id, execId } = process;
      stepOf(process);
      const at = { namespace, id };
      return run(execId === undefined ? startClientTask(at) : startClientExec(at, execId), call);
    },
    delete: async (process, call) => {
      const { namespace, id, execId } = process;
      const { task, exec } = stepOf(process);
      const at = { namespace, id };
      const { status } = exec ?? task.state;
      if (!['created', 'stopped', 'ended'].includes(status)) {
        throw new Rejection(
          'failed-precondition',
          `${nameOf(process)} must be stopped before deletion: ${status}: failed precondition`,
        );
      }
      await run(execId === undefined ? deleteClientTask(at) : deleteClientExec(at, execId), call);
      if (exec !== undefined) return deleted(exec, clock.now().wall);
      // One that was never started has its end only now.
      return deleted(findTask(ledger.head.world.task, namespace, id)?.state ?? task.state, clock.now().wall);
    },
    get: (process) => {
      const task = shown(process);
      const exec = execOf(task, process);
      return exec === undefined ? taskState(task) : execState(task, exec);
    },
    list: (namespace) =>
      [...ledger.durable.world.task.values()]
        .filter((task) => task.namespace === namespace && isShown(task))
        .map(taskState)
        .sort((a, b) => (a.id < b.id ? -1 : 1)),
    kill: async (process, number, all, call) => {
      const { namespace, id, execId } = process;
      const { task, exec } = stepOf(process);
      const over = exec === undefined ? !isAlive(task) : exec.status === 'ended';
      if (over) throw new Rejection('not-found', 'process already finished: not found');
      await run(signal({ namespace, id }, number, all, execId), call);
    },
    exec: async ({ execId, ...process }, order, call) => {
      const { namespace, id, execs } = there(process);
      if (execs[execId]) throw new Rejection('already-exists', `exec ${execId}: already exists`);
      await run(createClientExec({ namespace, id }, execId, order), call);
    },
    resize: async (process, size) => {
      const { namespace, id } = stepOf(process).task;
      await runtime.resize({ namespace, id }, size, process.execId);
    },
    closeStdin: async (process) => {
      const { namespace, id } = stepOf(process).task;
      await runtime.closeStdin({ namespace, id }, process.execId);
    },
    pause: async (process, call) => {
      const { namespace, id } = there(process);
      await run(pause({ namespace, id }), call);
    },
    resume: async (process, call) => {
      const { namespace, id } = there(process);
      await run(resume({ namespace, id }), call);
    },
    pids: async (process) => {
      const { namespace, id } = there(process);
      return runtime.processes({ namespace, id });
    },
    update: async (process, resources, annotations, call) => {
      const { namespace, id } = there(process);
      await run(updateClientTask({ namespace, id }, resources, annotations), call);
    },
    checkpoint: async (process, { path, options, lease }, call) => {
      const { namespace, id } = there(process);
      const write = (folder: string) =>
        run(checkpointClientTask({ namespace, id }, path, folder, options), call);
      if (path === '') return checkpoints.writing(process, lease, call, write);
      await write(path);
      return [];
    },
    metrics: async (namespace, filters) => {
      const matches = containerdFilter(filters);
      const tasks = [...ledger.durable.world.task.values()].filter(
        (task) =>
          task.namespace === namespace &&
          isShown(task) &&
          isAlive(task) &&
          matches(([field]) => (field === 'id' ? task.id : field === 'namespace' ? namespace : undefined)),
      );
      const asked = tasks.map(async ({ id }): Promise<readonly TaskMetric[]> => {
        try {
          return [{ id, data: await runtime.stats({ namespace, id }), at: clock.now().wall }];
        } catch (error) {
          // One shim that gives none does not take those of the others away.
          logger.warn('no metrics of a task', { namespace, container: id, error });
          return [];
        }
      });
      return (await Promise.all(asked)).flat();
    },
    wait: async (process, { signal: gone }) => {
      const task = shown(process);
      execOf(task, process);
      const ended = await awaitEnd(ledger, process, { signal: gone, stopping });
      return ended === 'gone' ? { status: unknownExit, at: clock.now().wall } : exitOf(ended);
    },
  };
};

/** Whether a client is to see it: one that is freed is gone, and one that is being made is not there yet. */
const isShown = (task: Task | undefined): task is Task => isOnHost(task) && task?.state.status !== 'creating';

const noContainer = (namespace: Namespace, id: ContainerId): Rejection =>
  new Rejection('not-found', `container "${id}" in namespace "${namespace}": not found`);

const taskIn = (world: World, { namespace, id }: ProcessName): Task => {
  const task = findTask(world.task, namespace, id);
  if (isShown(task)) return task;
  if (!findContainer(world.container, namespace, id)) throw noContainer(namespace, id);
  throw new Rejection('not-found', `task ${id} not found`);
};

/** @throws Rejection `not-found`; undefined where the task itself is meant */
const execOf = (task: Task, { execId }: ProcessName): Exec | undefined => {
  if (execId === undefined) return undefined;
  const exec = task.execs[execId];
  // Those of `shiplog exec` are freed by themselves.
  if (exec && (isClients(exec) || exec.status !== 'ended')) return exec;
  throw new Rejection('not-found', `process ${execId}: not found`);
};

const nameOf = ({ id, execId }: ProcessName): string =>
  execId === undefined ? `task ${id}` : `exec ${execId}`;

const exitOf = (ended: Ended): ProcessExit => ({
  status: ended.how === 'lost' ? unknownExit : ended.exitCode,
  at: ended.at,
});

const deleted = (process: Task['state'] | Exec, now: ProcessExit['at']): ProcessExit & { pid: number } => ({
  pid: pidOf(process),
  ...('ended' in process ? exitOf(process.ended) : { status: 0, at: now }),
});

const pidOf = (process: Task['state'] | Exec): number =>
  'pid' in process && process.pid !== undefined ? process.pid : 0;

const noStreams = { stdin: '', stdout: '', stderr: '', terminal: false };
const streamsOf = (order: typeof noStreams | undefined) => {
  const { stdin, stdout, stderr, terminal } = order ?? noStreams;
  return { stdin, stdout, stderr, terminal };
};

const taskState = ({ namespace, id, order, state }: Task): ProcessState => {
  const shared = { namespace, id, pid: pidOf(state), ...streamsOf(order) };
  switch (state.status) {
    case 'creating':
    case 'created':
    case 'starting':
      return { ...shared, status: 'created' };
    case 'running':
    case 'paused':
      return { ...shared, status: state.status };
    case 'stopped':
    case 'over':
      return { ...shared, status: 'stopped', exit: exitOf(state.ended) };
    default:
      return state satisfies never;
  }
};

const execState = ({ namespace, id }: Task, exec: Exec): ProcessState => {
  const { execId } = exec;
  const order = 'order' in exec ? exec.order : undefined;
  const shared = { namespace, id, execId, pid: pidOf(exec), ...streamsOf(order) };
  switch (exec.status) {
    case 'creating':
    case 'created':
    case 'starting':
      return { ...shared, status: 'created' };
    case 'running':
      return { ...shared, status: 'running' };
    case 'ended':
      return { ...shared, status: 'stopped', exit: exitOf(exec.ended) };
    default:
      return exec satisfies never;
  }
};
