import { fromBinary } from '@bufbuild/protobuf';
import type { Any } from '@bufbuild/protobuf/wkt';
import { ClientOrder, ExecOrder } from '../../../domain/client-order.ts';
import { ExecId, type Namespace } from '../../../domain/identity.ts';
import { Rejection } from '../../../domain/rejection.ts';
import type {
  ProcessExit,
  ProcessName,
  ProcessState,
  TaskMetric,
  TaskStore,
} from '../../../engine/ports/store/tasks.ts';
import { CheckpointOptionsSchema } from '../../../gen/containerd/runc/v1/options_pb.ts';
import type {
  CreateTaskRequest,
  ExecProcessRequest,
  Tasks,
} from '../../../gen/containerd/services/tasks/v1/tasks_pb.ts';
import { Status } from '../../../gen/containerd/v1/types/task_pb.ts';
import type { CallContext, Service } from '../handlers.ts';
import { invalid, parse } from '../parse.ts';
import { anyMessage, anyValueOf } from './any.ts';
import { idOf } from './containers.ts';
import { descriptorOf } from './descriptor.ts';
import { leaseOf, tenantOf } from './tenancy.ts';
import { timestampOf } from './timestamp.ts';

interface Named {
  readonly containerId: string;
  readonly execId?: string;
}
const processOf = ({ containerId, execId = '' }: Named, call: CallContext): ProcessName => ({
  namespace: tenantOf(call),
  id: idOf(containerId, 'container_id'),
  ...(execId === '' ? {} : { execId: parse(ExecId, execId, 'exec_id') }),
});

/** Folder that a client wants a checkpoint in, as options of runc's shim say it; empty where they say nothing. */
const checkpointPath = (options: Any | undefined): string => {
  if (!options?.typeUrl.endsWith(CheckpointOptionsSchema.typeName)) return '';
  try {
    return fromBinary(CheckpointOptionsSchema, options.value).imagePath;
  } catch (cause) {
    throw new Rejection('invalid-argument', 'options: no CheckpointOptions can be read from it', { cause });
  }
};

const orderOf = (request: CreateTaskRequest): ClientOrder => {
  const { stdin, stdout, stderr, terminal, rootfs, options, runtimePath } = request;
  const given = {
    ...{ stdin, stdout, stderr, terminal },
    rootfs: rootfs.map(({ type, source, target, options: words }) => ({
      type,
      source,
      target,
      options: words,
    })),
    ...(options === undefined || options.value.length === 0
      ? {}
      : { options: anyValueOf(options, 'options') }),
    ...(request.checkpoint === undefined
      ? {}
      : { checkpoint: descriptorOf(request.checkpoint, 'checkpoint') }),
    ...(runtimePath === '' ? {} : { runtimePath }),
  };
  return parse(ClientOrder, given, '');
};

const execOrderOf = (request: ExecProcessRequest): ExecOrder => {
  const { stdin, stdout, stderr, terminal, spec } = request;
  if (spec === undefined) throw invalid('spec', 'is missing: it says what is to run');
  return parse(ExecOrder, { stdin, stdout, stderr, terminal, spec: anyValueOf(spec, 'spec') }, '');
};

const statuses = {
  created: Status.CREATED,
  running: Status.RUNNING,
  paused: Status.PAUSED,
  stopped: Status.STOPPED,
} as const satisfies Record<ProcessState['status'], Status>;

const exitFields = ({ status, at }: ProcessExit) => ({ exitStatus: status, exitedAt: timestampOf(at) });

const processMessage = (state: ProcessState) => {
  const { id, execId, pid, status, stdin, stdout, stderr, terminal, exit } = state;
  return {
    // As containerd does: the id of what was asked for, and of its container beside an extra process.
    ...(execId === undefined ? { id } : { id: execId, containerId: id }),
    ...{ pid, status: statuses[status], stdin, stdout, stderr, terminal },
    ...(exit === undefined ? {} : exitFields(exit)),
  };
};

const metricMessage = ({ id, at, data }: TaskMetric) => ({
  id,
  timestamp: timestampOf(at),
  data: anyMessage(data),
});

const MAX_SIGNAL = 64;
const signalOf = (signal: number): number => {
  if (signal >= 1 && signal <= MAX_SIGNAL) return signal;
  throw invalid('signal', `${signal} is none; give 1 to ${MAX_SIGNAL}`);
};

export const tasksService = (store: TaskStore): Service<typeof Tasks> => ({
  create: async (request, call) => {
    const { containerId } = request;
    const namespace: Namespace = tenantOf(call);
    const { pid } = await store.create(namespace, idOf(containerId, 'container_id'), orderOf(request), call);
    return { containerId, pid };
  },
  start: async (request, call) => store.start(processOf(request, call), call),
  delete: async ({ containerId }, call) => {
    const { pid, ...exit } = await store.delete(processOf({ containerId }, call), call);
    return { id: containerId, pid, ...exitFields(exit) };
  },
  deleteProcess: async (request, call) => {
    if (request.execId === '') throw invalid('exec_id', 'is empty');
    const { pid, ...exit } = await store.delete(processOf(request, call), call);
    return { id: request.execId, pid, ...exitFields(exit) };
  },
  get: async (request, call) => ({ process: processMessage(store.get(processOf(request, call))) }),
  list: async (_, call) => ({ tasks: store.list(tenantOf(call)).map(processMessage) }),
  kill: async (request, call) => {
    await store.kill(processOf(request, call), signalOf(request.signal), request.all, call);
    return {};
  },
  exec: async (request, call) => {
    const { namespace, id } = processOf({ containerId: request.containerId }, call);
    const execId = parse(ExecId, request.execId, 'exec_id');
    await store.exec({ namespace, id, execId }, execOrderOf(request), call);
    return {};
  },
  resizePty: async ({ width, height, ...request }, call) => {
    await store.resize(processOf(request, call), { width, height });
    return {};
  },
  closeIO: async (request, call) => {
    if (request.stdin) await store.closeStdin(processOf(request, call));
    return {};
  },
  pause: async (request, call) => {
    await store.pause(processOf(request, call), call);
    return {};
  },
  resume: async (request, call) => {
    await store.resume(processOf(request, call), call);
    return {};
  },
  listPids: async (request, call) => {
    const found = await store.pids(processOf(request, call));
    return { processes: found.map(({ pid, info }) => ({ pid, ...(info && { info: anyMessage(info) }) })) };
  },
  checkpoint: async ({ containerId, options }, call) => {
    const request = {
      path: checkpointPath(options),
      options: options === undefined ? undefined : anyValueOf(options, 'options'),
      lease: leaseOf(call),
    };
    const made = await store.checkpoint(processOf({ containerId }, call), request, call);
    return {
      descriptors: made.map(({ mediaType, digest, size }) => ({ mediaType, digest, size: BigInt(size) })),
    };
  },
  update: async ({ resources, annotations, ...request }, call) => {
    if (resources === undefined) throw invalid('resources', 'is missing');
    await store.update(processOf(request, call), anyValueOf(resources, 'resources'), annotations, call);
    return {};
  },
  metrics: async ({ filters }, call) => ({
    metrics: (await store.metrics(tenantOf(call), filters)).map(metricMessage),
  }),
  wait: async (request, call) => exitFields(await store.wait(processOf(request, call), call)),
});
