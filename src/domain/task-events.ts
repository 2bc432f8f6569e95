import { z } from 'zod';
import { AnyValue } from './any-value.ts';
import { ClientOrder, ExecOrder } from './client-order.ts';
import { ProcessConfig } from './container-config.ts';
import { defineEvent, type EventsOf } from './event.ts';
import { ContainerId, ExecId, Namespace, Timestamp } from './identity.ts';

// Events of tasks and execs; their subject is the container. Names and fields are the storage format. What acts on
// processes stands in the log twice: the intent before it, the outcome after it.
const task = z.object({ namespace: Namespace, id: ContainerId });
const exec = task.extend({ execId: ExecId });
const pid = z.number().int().positive().describe('in the host’s pid namespace');
const exit = {
  exitCode: z.number().int().min(0).max(255).describe('128 + n where signal n ended it'),
  exitedAt: Timestamp.describe('microseconds since the Unix epoch'),
};
const failure = {
  exitCode: z.number().int().describe('125 to 127, as docker’s'),
  error: z.string(),
};
const it = { namespace: 'default', id: 'c0ffee' };

export const taskEvents = {
  'task-create-requested': defineEvent({
    version: 3,
    order: 'intent',
    says: 'The process of a container is about to be made.',
    data: task.extend({ order: ClientOrder.optional().describe('of a client of containerd’s API') }),
    example: {
      ...it,
      order: { rootfs: [], stdin: '', stdout: '/run/fifo/1', stderr: '/run/fifo/2', terminal: false },
    },
    upcasts: [(data) => data, (data) => data],
  }),
  'task-created': defineEvent({
    version: 1,
    order: 'outcome',
    says: 'The process is there and waits to be started.',
    data: task.extend({ pid }),
    example: { ...it, pid: 4242 },
  }),
  'task-start-requested': defineEvent({
    version: 1,
    order: 'intent',
    says: 'The process is about to run.',
    data: task,
    example: it,
  }),
  'task-started': defineEvent({
    version: 1,
    order: 'outcome',
    says: 'The process runs.',
    data: task.extend({ pid }),
    example: { ...it, pid: 4242 },
  }),
  'task-failed': defineEvent({
    version: 1,
    order: 'outcome',
    says: 'The process could not be made or started; nothing of it is left.',
    data: task.extend({ stage: z.enum(['create', 'start']), ...failure }),
    example: { ...it, stage: 'create' as const, exitCode: 127, error: 'exec: "nosuch": not found' },
  }),
  'task-pause-requested': defineEvent({
    version: 1,
    order: 'intent',
    says: 'All processes of the container are about to be frozen.',
    data: task,
    example: it,
  }),
  'task-paused': defineEvent({
    version: 1,
    order: 'outcome',
    says: 'All processes of the container are frozen.',
    data: task,
    example: it,
  }),
  'task-resume-requested': defineEvent({
    version: 1,
    order: 'intent',
    says: 'The frozen processes are about to go on.',
    data: task,
    example: it,
  }),
  'task-resumed': defineEvent({
    version: 1,
    order: 'outcome',
    says: 'The processes go on.',
    data: task,
    example: it,
  }),
  'task-signal-requested': defineEvent({
    version: 1,
    order: 'intent',
    says: 'A signal is about to be sent.',
    data: task.extend({
      signal: z.number().int().min(1).max(64),
      execId: ExecId.optional().describe('to this process; to the main one when absent'),
      all: z.boolean().describe('to every process of the container'),
    }),
    example: { ...it, signal: 15, all: false },
  }),
  'task-signalled': defineEvent({
    version: 1,
    order: 'outcome',
    says: 'The signal was sent.',
    data: task.extend({ signal: z.number().int(), execId: ExecId.optional() }),
    example: { ...it, signal: 15 },
  }),
  'task-action-failed': defineEvent({
    version: 3,
    order: 'outcome',
    says: 'A pause, resume, signal, resource change or checkpoint was asked for and did not happen.',
    data: task.extend({
      action: z.enum(['pause', 'resume', 'signal', 'delete', 'update', 'checkpoint']),
      error: z.string(),
    }),
    example: { ...it, action: 'pause' as const, error: 'cgroup freezer: device busy' },
    upcasts: [(data) => data, (data) => data],
  }),
  'task-checkpoint-requested': defineEvent({
    version: 1,
    order: 'intent',
    says: 'Images of all processes of the container are about to be written, to start from later.',
    data: task.extend({
      path: z
        .string()
        .max(4096)
        .describe('folder of the caller’s; empty where they go into the content store'),
      options: AnyValue.optional().describe('for the shim'),
    }),
    example: { ...it, path: '/var/lib/images' },
  }),
  'task-checkpointed': defineEvent({
    version: 1,
    order: 'outcome',
    says: 'Images of all processes of the container were written.',
    data: task.extend({ path: z.string().max(4096).describe('as in the request') }),
    example: { ...it, path: '/var/lib/images' },
  }),
  'task-update-requested': defineEvent({
    version: 1,
    order: 'intent',
    says: 'The limits of a running container are about to be changed.',
    data: task.extend({
      resources: AnyValue.describe('LinuxResources document, as the client wrote it'),
      annotations: z.record(z.string(), z.string()).describe('for the shim'),
    }),
    example: {
      ...it,
      resources: {
        typeUrl: 'types.containerd.io/opencontainers/runtime-spec/1/LinuxResources',
        json: '{"pids":{"limit":64}}',
      },
      annotations: {},
    },
  }),
  'task-updated': defineEvent({
    version: 1,
    order: 'outcome',
    says: 'The limits of a running container were changed.',
    data: task,
    example: it,
  }),
  'task-oom': defineEvent({
    version: 1,
    order: 'outcome',
    says: 'The kernel killed a process of the container for memory.',
    data: task,
    example: it,
  }),
  'task-exited': defineEvent({
    version: 1,
    order: 'outcome',
    says: 'The main process ended.',
    data: task.extend(exit),
    example: { ...it, exitCode: 0, exitedAt: 1_795_000_000_000_000 },
  }),
  'task-lost': defineEvent({
    version: 1,
    order: 'outcome',
    says: 'The task is gone and its exit code can not be known any more.',
    data: task.extend({ because: z.string() }),
    example: { ...it, because: 'the host was rebooted' },
  }),
  'task-deleted': defineEvent({
    version: 1,
    order: 'outcome',
    says: 'What kept an ended task (shim, bundle, mount of its root) was freed.',
    data: task,
    example: it,
  }),
  'exec-requested': defineEvent({
    version: 1,
    order: 'intent',
    says: 'An extra process is about to be started in the container.',
    data: exec.extend({ process: ProcessConfig }),
    example: {
      ...it,
      execId: 'e1',
      process: {
        args: ['ps'],
        env: [],
        secretEnv: [],
        cwd: '/',
        user: '',
        terminal: false,
        stdin: false,
      },
    },
  }),
  'client-exec-requested': defineEvent({
    version: 1,
    order: 'intent',
    says: 'A client’s extra process is about to be made known to the container’s shim.',
    data: exec.extend({ order: ExecOrder.describe('as the client gave it') }),
    example: {
      ...it,
      execId: 'e2',
      order: {
        spec: {
          typeUrl: 'types.containerd.io/opencontainers/runtime-spec/1/Process',
          json: '{"args":["ps"],"cwd":"/"}',
        },
        stdin: '',
        stdout: '/run/fifo/3',
        stderr: '/run/fifo/4',
        terminal: false,
      },
    },
  }),
  'client-exec-created': defineEvent({
    version: 1,
    order: 'outcome',
    says: 'The shim knows the client’s extra process, which waits to be started.',
    data: exec,
    example: { ...it, execId: 'e2' },
  }),
  'exec-start-requested': defineEvent({
    version: 1,
    order: 'intent',
    says: 'A client’s extra process is about to run.',
    data: exec,
    example: { ...it, execId: 'e2' },
  }),
  'exec-deleted': defineEvent({
    version: 1,
    order: 'outcome',
    says: 'What kept a client’s extra process was freed.',
    data: exec,
    example: { ...it, execId: 'e2' },
  }),
  'exec-started': defineEvent({
    version: 1,
    order: 'outcome',
    says: 'The extra process runs.',
    data: exec.extend({ pid }),
    example: { ...it, execId: 'e1', pid: 4243 },
  }),
  'exec-failed': defineEvent({
    version: 1,
    order: 'outcome',
    says: 'The extra process could not be started.',
    data: exec.extend(failure),
    example: { ...it, execId: 'e1', exitCode: 126, error: 'permission denied' },
  }),
  'exec-exited': defineEvent({
    version: 1,
    order: 'outcome',
    says: 'The extra process ended.',
    data: exec.extend(exit),
    example: { ...it, execId: 'e1', exitCode: 0, exitedAt: 1_795_000_000_000_000 },
  }),
  'exec-lost': defineEvent({
    version: 1,
    order: 'outcome',
    says: 'The extra process is gone and its exit code can not be known any more.',
    data: exec.extend({ because: z.string() }),
    example: { ...it, execId: 'e1', because: 'its shim is gone' },
  }),
};
export type TaskEvent = EventsOf<typeof taskEvents>;
