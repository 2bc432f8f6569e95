import { z } from 'zod';
import { AnyValue } from './any-value.ts';
import { ClientOrder, ExecOrder } from './client-order.ts';
import { ProcessConfig } from './container-config.ts';
import type { CommandsOf } from './event.ts';
import { ContainerId, ExecId, Namespace, Timestamp } from './identity.ts';
import { Rejection } from './rejection.ts';
import type { TaskEvent } from './task-events.ts';
import { findTask, isClients, isOnHost, isToStart, type Task, type Tasks } from './tasks.ts';

// Commands
const task = z.object({ namespace: Namespace, id: ContainerId });
const exec = task.extend({ execId: ExecId });
const pid = z.number().int().positive();
const exit = { exitCode: z.number().int().min(0).max(255), exitedAt: Timestamp };
const failure = { exitCode: z.number().int(), error: z.string() };
export const taskCommands = {
  'request-task': task.extend({ order: ClientOrder.optional() }),
  'record-task-created': task.extend({ pid }),
  'request-start': task,
  'record-task-started': task.extend({ pid }),
  'record-task-failed': task.extend({ stage: z.enum(['create', 'start']), ...failure }),
  'request-pause': task,
  'record-paused': task,
  'request-resume': task,
  'record-resumed': task,
  'request-signal': task.extend({
    signal: z.number().int().min(1).max(64),
    execId: ExecId.optional(),
    all: z.boolean(),
  }),
  'record-signalled': task.extend({ signal: z.number().int(), execId: ExecId.optional() }),
  'record-action-failed': task.extend({
    action: z.enum(['pause', 'resume', 'signal', 'delete', 'update', 'checkpoint']),
    error: z.string(),
  }),
  'request-checkpoint': task.extend({ path: z.string().max(4096), options: AnyValue.optional() }),
  'record-checkpointed': task.extend({ path: z.string().max(4096) }),
  'request-update': task.extend({ resources: AnyValue, annotations: z.record(z.string(), z.string()) }),
  'record-updated': task,
  'record-oom': task,
  'record-exit': task.extend(exit),
  'record-task-lost': task.extend({ because: z.string() }),
  'record-task-deleted': task,
  'request-exec': exec.extend({ process: ProcessConfig }),
  'request-client-exec': exec.extend({ order: ExecOrder }),
  'record-client-exec-created': exec,
  'request-exec-start': exec,
  'record-exec-deleted': exec,
  'record-exec-started': exec.extend({ pid }),
  'record-exec-failed': exec.extend(failure),
  'record-exec-exit': exec.extend(exit),
  'record-exec-lost': exec.extend({ because: z.string() }),
};
export type TaskCommand = CommandsOf<typeof taskCommands>;

// Decide
const wrong = (found: Task, wanted: string) =>
  new Rejection(
    'failed-precondition',
    `container '${found.id.slice(0, 12)}' is ${found.state.status}, not ${wanted}`,
  );

/** Events for a command whose process has ended, or never was, are none: outcomes may come twice. */
const decideOutcome = (
  command: Extract<TaskCommand, { type: `record-${string}` }>,
  found: Task,
): readonly TaskEvent[] => {
  const { status } = found.state;
  const live = status !== 'stopped' && status !== 'over';
  switch (command.type) {
    case 'record-task-created': {
      const { type: _, ...data } = command;
      return status === 'creating' ? [{ type: 'task-created', data }] : [];
    }
    case 'record-task-started': {
      const { type: _, ...data } = command;
      return status === 'starting' || status === 'created' ? [{ type: 'task-started', data }] : [];
    }
    case 'record-task-failed': {
      const { type: _, ...data } = command;
      return live ? [{ type: 'task-failed', data }] : [];
    }
    case 'record-paused': {
      const { type: _, ...data } = command;
      return status === 'running' ? [{ type: 'task-paused', data }] : [];
    }
    case 'record-resumed': {
      const { type: _, ...data } = command;
      return status === 'paused' ? [{ type: 'task-resumed', data }] : [];
    }
    case 'record-signalled': {
      const { type: _, ...data } = command;
      return [{ type: 'task-signalled', data }];
    }
    case 'record-action-failed': {
      const { type: _, ...data } = command;
      return [{ type: 'task-action-failed', data }];
    }
    case 'record-oom': {
      const { type: _, ...data } = command;
      return found.oomKilled ? [] : [{ type: 'task-oom', data }];
    }
    case 'record-exit': {
      const { type: _, ...data } = command;
      return live ? [{ type: 'task-exited', data }] : [];
    }
    case 'record-task-lost': {
      const { type: _, ...data } = command;
      return live ? [...loseExecs(found, data.because), { type: 'task-lost', data }] : [];
    }
    case 'record-task-deleted': {
      const { type: _, ...data } = command;
      return status === 'stopped'
        ? [...loseExecs(found, 'its task was deleted'), { type: 'task-deleted', data }]
        : [];
    }
    case 'record-checkpointed': {
      const { type: _, ...data } = command;
      return [{ type: 'task-checkpointed', data }];
    }
    case 'record-updated': {
      const { type: _, ...data } = command;
      return [{ type: 'task-updated', data }];
    }
    case 'record-client-exec-created': {
      const { type: _, ...data } = command;
      return found.execs[data.execId]?.status === 'creating' ? [{ type: 'client-exec-created', data }] : [];
    }
    case 'record-exec-deleted': {
      const { type: _, ...data } = command;
      return found.execs[data.execId] === undefined ? [] : [{ type: 'exec-deleted', data }];
    }
    case 'record-exec-started': {
      const { type: _, ...data } = command;
      return found.execs[data.execId]?.status === 'starting' ? [{ type: 'exec-started', data }] : [];
    }
    case 'record-exec-failed': {
      const { type: _, ...data } = command;
      return isOpen(found, data.execId) ? [{ type: 'exec-failed', data }] : [];
    }
    case 'record-exec-exit': {
      const { type: _, ...data } = command;
      return isOpen(found, data.execId) ? [{ type: 'exec-exited', data }] : [];
    }
    case 'record-exec-lost': {
      const { type: _, ...data } = command;
      return isOpen(found, data.execId) ? [{ type: 'exec-lost', data }] : [];
    }
    default:
      return command satisfies never;
  }
};

const isOpen = (found: Task, execId: ExecId): boolean => {
  const status = found.execs[execId]?.status;
  return status !== undefined && status !== 'ended';
};

const loseExecs = (found: Task, because: string): readonly TaskEvent[] =>
  Object.values(found.execs)
    .filter((one) => one.status !== 'ended')
    .map(({ execId }) => ({
      type: 'exec-lost',
      data: { namespace: found.namespace, id: found.id, execId, because },
    }));

const isOutcome = (command: TaskCommand): command is Extract<TaskCommand, { type: `record-${string}` }> =>
  command.type.startsWith('record-');

/** @param exists whether the container is there */
export const decideTask = (
  command: TaskCommand,
  state: Tasks,
  exists: boolean,
): readonly TaskEvent[] | Rejection => {
  const { namespace, id } = command;
  const found = findTask(state, namespace, id);
  if (command.type === 'request-task') {
    if (!exists)
      return new Rejection('not-found', `container '${id}' does not exist in namespace '${namespace}'`);
    if (found && isOnHost(found)) {
      return new Rejection(
        'already-exists',
        `container '${id.slice(0, 12)}' has a task already: it is ${found.state.status}`,
      );
    }
    const { type: _, ...data } = command;
    return [{ type: 'task-create-requested', data }];
  }
  if (!found || (!isOutcome(command) && found.state.status === 'over')) {
    return new Rejection('not-found', `container '${id.slice(0, 12)}' has no task: it is not running`);
  }
  if (isOutcome(command)) return decideOutcome(command, found);
  return decideRequest(command, found);
};

const mayExec = (found: Task, execId: ExecId): Rejection | undefined => {
  if (found.state.status !== 'running') return wrong(found, 'running');
  return found.execs[execId] && new Rejection('already-exists', `exec '${execId}' exists already`);
};

const decideRequest = (
  command: Exclude<TaskCommand, { type: `record-${string}` | 'request-task' }>,
  found: Task,
): readonly TaskEvent[] | Rejection => {
  const { status } = found.state;
  switch (command.type) {
    case 'request-start': {
      const { type: _, ...data } = command;
      // Our own may be asked for together with the task. A client starts its task when that is there.
      const ahead = status === 'creating' && !isToStart(found) && !isClients(found);
      return ahead || status === 'created'
        ? [{ type: 'task-start-requested', data }]
        : wrong(found, 'created');
    }
    case 'request-pause': {
      const { type: _, ...data } = command;
      return status === 'running' ? [{ type: 'task-pause-requested', data }] : wrong(found, 'running');
    }
    case 'request-resume': {
      const { type: _, ...data } = command;
      return status === 'paused' ? [{ type: 'task-resume-requested', data }] : wrong(found, 'paused');
    }
    case 'request-signal': {
      const { type: _, ...data } = command;
      if (status === 'stopped' || status === 'creating') return wrong(found, 'running');
      if (data.execId !== undefined && found.execs[data.execId]?.status !== 'running') {
        return new Rejection('not-found', `exec '${data.execId}' is not running`);
      }
      return [{ type: 'task-signal-requested', data }];
    }
    case 'request-checkpoint': {
      const { type: _, ...data } = command;
      if (status !== 'running' && status !== 'paused') return wrong(found, 'running');
      return [{ type: 'task-checkpoint-requested', data }];
    }
    case 'request-update': {
      const { type: _, ...data } = command;
      if (status === 'stopped' || status === 'creating') return wrong(found, 'running');
      return [{ type: 'task-update-requested', data }];
    }
    case 'request-exec': {
      const { type: _, ...data } = command;
      return mayExec(found, data.execId) ?? [{ type: 'exec-requested', data }];
    }
    case 'request-client-exec': {
      const { type: _, ...data } = command;
      return mayExec(found, data.execId) ?? [{ type: 'client-exec-requested', data }];
    }
    case 'request-exec-start': {
      const { type: _, ...data } = command;
      const exec = found.execs[data.execId];
      if (exec === undefined) return new Rejection('not-found', `exec '${data.execId}' does not exist`);
      if (exec.status === 'created') return [{ type: 'exec-start-requested', data }];
      return new Rejection('failed-precondition', `exec '${data.execId}' is ${exec.status}, not created`);
    }
    default:
      return command satisfies never;
  }
};
