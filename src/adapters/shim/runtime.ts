import { mkdir } from 'node:fs/promises';
import type { Any } from '@bufbuild/protobuf/wkt';
import { Subject } from 'rxjs';
import { type ExecId, SandboxId } from '../../domain/identity.ts';
import { asRejection, isRejection, Rejection } from '../../domain/rejection.ts';
import { withJoinedNamespaces } from '../../engine/ports/joined-namespaces.ts';
import type { ClientTask, ProbedTask, Runtime, TaskKey, TaskOrder } from '../../engine/ports/runtime.ts';
import type { StdioPaths } from '../../engine/ports/stdio.ts';
import { turns } from '../../engine/ports/turns.ts';
import { Task } from '../../gen/containerd/task/v2/shim_pb.ts';
import { Status } from '../../gen/containerd/v1/types/task_pb.ts';
import { anyOf, anyValueOf } from './any.ts';
import {
  bundlePath,
  forgetExec,
  listBundles,
  noteExec,
  readBundle,
  readSpecification,
  removeBundle,
  runcRoot,
} from './bundle.ts';
import { readEndpoint } from './endpoint.ts';
import { serveShimEvents } from './event-server.ts';
import { clientWork, ownWork, type SharedShim, type Work } from './jobs.ts';
import { copyShimLog } from './log-fifo.ts';
import { sawOomKill } from './oom-kills.ts';
import { type ShimRuntimeOptions, shimTimeouts } from './options.ts';
import { probeBundle } from './probe.ts';
import { purgeBundle, unmountRoot } from './purge.ts';
import { processAny, resourcesAny } from './runc-options.ts';
import { sandboxBundlePath } from './sandbox-bundle.ts';
import { ServingShims } from './serving-shims.ts';
import { noTask, Shim } from './shim.ts';
import { findShim } from './shim-binary.ts';
import { asStartFailure } from './start-failure.ts';
import { startShim } from './start-shim.ts';

/** Exit code of a process that SIGKILL ended. */
const killed = 137;

const keyOf = (task: TaskKey): string => `${task.namespace}/${task.id}`;

/** Runs tasks through containerd's shims (runtime v2): one shim process per task, which outlives the daemon. */
export const createShimRuntime = async (options: ShimRuntimeOptions): Promise<Runtime> => {
  const timeouts = { ...shimTimeouts, ...options.timeouts };
  await mkdir(runcRoot(options.stateDirectory), { recursive: true, mode: 0o711 });
  const events = await serveShimEvents(options.ttrpcAddress);
  const outOfMemory = new Subject<TaskKey>();
  const told = new Set<string>();
  /** The shim's event and the kernel's count tell of the same thing: a task is told of once. */
  const tellOom = (task: TaskKey): void => {
    if (told.has(keyOf(task))) return;
    told.add(keyOf(task));
    outOfMemory.next(task);
  };
  events.oom.subscribe(tellOom);
  const shims = new Map<string, Shim>();
  /** Shims that were told to go, until they are gone with their bundles. Never rejects. */
  const leaving = new Map<string, Promise<void>>();
  const creating = new Set<string>();
  const serving = new ServingShims(options);
  const creates = turns(options.concurrency ?? 16);
  // Apart, so that cleaning up after hung shims delays no new task.
  const purges = turns(options.concurrency ?? 16);

  const bundleOf = (task: TaskKey): string => bundlePath(options.stateDirectory, task);
  const shimOf = (task: TaskKey): Shim => {
    const shim = shims.get(keyOf(task));
    if (shim === undefined) throw noTask(task);
    return shim;
  };
  const drop = (task: TaskKey): void => {
    shims.get(keyOf(task))?.close();
    shims.delete(keyOf(task));
    told.delete(keyOf(task));
  };
  const purge: Runtime['purge'] = async (task) => {
    await leaving.get(keyOf(task));
    drop(task);
    return purges(() => purgeBundle(task, bundleOf(task), options, timeouts));
  };

  /** The task's own process, while it has one. */
  const pidOf = async (task: TaskKey): Promise<number> => {
    const { status, pid } = await shimOf(task).call(Task.method.state, { id: task.id });
    if (status !== Status.STOPPED && pid > 0) return pid;
    throw new Rejection('failed-precondition', `container ${keyOf(task)} has stopped; start it first`);
  };

  const createTask = async (
    { task, runtime }: Pick<TaskOrder, 'task'> & { readonly runtime: { readonly name: string } },
    workOf: (shim: string, bundle: string) => Promise<Work>,
  ): Promise<{ pid: number }> => {
    const bundle = bundleOf(task);
    await leaving.get(keyOf(task));
    if (shims.has(keyOf(task)) || readBundle(bundle)) {
      throw new Rejection('already-exists', `task ${keyOf(task)} exists; delete it first`);
    }
    const binary = findShim(runtime.name, process.env.PATH ?? '/usr/sbin:/usr/bin:/sbin:/bin');
    const { job, record } = await workOf(binary, bundle);
    try {
      const started = await creates(() => startShim(job, bundle, record, options, timeouts, serving));
      shims.set(keyOf(task), started.shim);
      void started.shim.watch('');
      return { pid: started.pid };
    } catch (error) {
      await purge(task).catch((failed: unknown) => {
        options.logger.warn('a failed create left something behind', {
          ...task,
          error: asRejection(failed).message,
        });
      });
      throw error;
    }
  };

  /** @throws Rejection `not-found` where the sandbox has no shim */
  const sharedShim = async ({ task, sandbox }: ClientTask): Promise<SharedShim | undefined> => {
    if (sandbox === undefined || sandbox === '') return undefined;
    const id = SandboxId.parse(sandbox);
    const { namespace } = task;
    const endpoint = readEndpoint(sandboxBundlePath(options.stateDirectory, { namespace, id }));
    if (endpoint !== undefined) return { sandbox: id, endpoint };
    throw new Rejection(
      'not-found',
      `can't find sandbox ${sandbox} of task ${keyOf(task)}; start it by the controller 'shim' first: not found`,
    );
  };

  /** One create at a time for each task. */
  const creatingOnce = async (task: TaskKey, work: () => Promise<{ pid: number }>) => {
    const key = keyOf(task);
    if (creating.has(key)) throw new Rejection('already-exists', `task ${key} is being created`);
    creating.add(key);
    try {
      return await work();
    } finally {
      creating.delete(key);
    }
  };

  const deleteTask = async (task: TaskKey, until: 'freed' | 'gone'): Promise<void> => {
    const shim = shims.get(keyOf(task));
    if (shim === undefined) {
      await leaving.get(keyOf(task));
      if (readBundle(bundleOf(task))) await purge(task);
      return;
    }
    try {
      await shim.call(Task.method.delete, { id: task.id }, timeouts.create);
    } catch (error) {
      if (!isRejection(error)) throw error;
      if (error.code === 'unavailable') {
        await purge(task);
        return;
      }
      if (error.code !== 'not-found') throw error;
    }
    const record = readBundle(shim.bundle);
    if (record?.mounted) unmountRoot(shim.bundle);
    const gone = sendAway(task, shim, record?.sandbox !== undefined);
    if (until === 'gone') await gone;
  };

  /**
   * The process is freed and nothing of it is mounted; its shim and bundle, which nobody asks for any more, go by
   * themselves. A new task of the name waits for that.
   */
  const sendAway = (task: TaskKey, shim: Shim, shared: boolean): Promise<void> => {
    const key = keyOf(task);
    shims.delete(key);
    told.delete(key);
    const gone = shared ? leaveToSandbox(shim) : letGo(shim);
    const over = gone
      .catch((error: unknown) => {
        options.logger.warn('a shim did not go as it was told; the next start of the daemon takes it away', {
          ...task,
          error: asRejection(error).message,
        });
      })
      .finally(() => leaving.delete(key));
    leaving.set(key, over);
    return gone;
  };

  /** The shim of a sandbox stays with it. */
  const leaveToSandbox = async (shim: Shim): Promise<void> => {
    shim.close();
    await removeBundle(shim.bundle);
  };

  const letGo = async (shim: Shim): Promise<void> => {
    shim.retire();
    const gone = shim.gone(timeouts.shutdown);
    // The shim may go before it answers; that it goes is what counts.
    await shim.call(Task.method.shutdown, { id: shim.task.id, now: true }).catch(asRejection);
    const went = await gone;
    shim.close();
    if (went) await removeBundle(shim.bundle);
    else await purges(() => purgeBundle(shim.task, shim.bundle, options, timeouts));
  };

  const exec = async (task: TaskKey, execId: ExecId, order: StdioPaths & { readonly spec: Any }) => {
    const shim = shimOf(task);
    noteExec(shim.bundle, execId);
    try {
      await shim.call(Task.method.exec, { id: task.id, execId, ...order });
    } catch (error) {
      if (!isRejection(error) || error.code !== 'already-exists') forgetExec(shim.bundle, execId);
      throw error;
    }
  };

  const start = async (task: TaskKey, execId: string): Promise<{ pid: number }> => {
    const shim = shimOf(task);
    try {
      const { pid } = await shim.inTurn(() =>
        shim.call(Task.method.start, { id: task.id, execId }, timeouts.create),
      );
      void shim.watch(execId);
      return { pid };
    } catch (error) {
      throw asStartFailure(error);
    }
  };

  const processes = async (task: TaskKey) =>
    (await shimOf(task).call(Task.method.pids, { id: task.id })).processes;

  /**
   * The shim tells of an out-of-memory kill when it gets to it, and not at all once the task is deleted, which follows the
   * exit at once. So the kernel's own count is read before the exit is told.
   */
  const wait: Runtime['wait'] = async (task, execId) => {
    const shim = shimOf(task);
    const exit = await shim.exit(execId ?? '');
    if (exit.code !== killed) return exit;
    try {
      if (await sawOomKill(shim.bundle)) tellOom(task);
    } catch (error) {
      // The exit counts for more than why.
      options.logger.warn('cannot tell whether memory ran out', { ...task, error });
    }
    return exit;
  };

  return {
    create: (request) =>
      creatingOnce(request.task, () =>
        createTask(request, async (shim, bundle) => {
          const config = await withJoinedNamespaces(request.config, (id) => pidOf({ ...request.task, id }));
          return ownWork(request, config, shim, bundle, options);
        }),
      ),
    createOrdered: (request) =>
      creatingOnce(request.task, () => {
        const name = request.order.runtimePath ?? request.runtime.name;
        return createTask({ ...request, runtime: { name } }, async (shim, bundle) =>
          clientWork(request, shim, bundle, options, await sharedShim(request)),
        );
      }),
    start: (task) => start(task, ''),
    async exec(task, execId, process, secrets, stdio) {
      const container = readSpecification(shimOf(task).bundle);
      const document = await options.specification.process(container, process, secrets);
      await exec(task, execId, { ...stdio, spec: processAny(document) });
    },
    execOrdered: (task, execId, { stdin, stdout, stderr, terminal, spec }) =>
      exec(task, execId, { stdin, stdout, stderr, terminal, spec: anyOf(spec) }),
    startExec: (task, execId) => start(task, execId),
    wait,
    async signal(task, signal, { execId = '', all = false } = {}) {
      await shimOf(task).call(Task.method.kill, { id: task.id, execId, signal, all });
    },
    async pause(task) {
      await shimOf(task).call(Task.method.pause, { id: task.id });
    },
    async resume(task) {
      await shimOf(task).call(Task.method.resume, { id: task.id });
    },
    async resize(task, size, execId = undefined) {
      await shimOf(task).call(Task.method.resizePty, { id: task.id, execId: execId ?? '', ...size });
    },
    async closeStdin(task, execId = undefined) {
      await shimOf(task).call(Task.method.closeIO, { id: task.id, execId: execId ?? '', stdin: true });
    },
    async update(task, resources) {
      const document = options.specification.resources(resources);
      await shimOf(task).call(Task.method.update, { id: task.id, resources: resourcesAny(document) });
    },
    async updateOrdered(task, resources, annotations) {
      await shimOf(task).call(Task.method.update, { id: task.id, resources: anyOf(resources), annotations });
    },
    async checkpoint(task, folder, options) {
      await shimOf(task).call(
        Task.method.checkpoint,
        { id: task.id, path: folder, ...(options === undefined ? {} : { options: anyOf(options) }) },
        timeouts.checkpoint,
      );
    },
    pids: async (task) => (await processes(task)).map(({ pid }) => pid),
    processes: async (task) =>
      (await processes(task)).map(({ pid, info }) => ({
        pid,
        ...(info === undefined ? {} : { info: anyValueOf(info) }),
      })),
    async stats(task) {
      const { stats } = await shimOf(task).call(Task.method.stats, { id: task.id });
      if (stats === undefined)
        throw new Rejection('unavailable', `the shim of ${keyOf(task)} gave no metrics`);
      return anyValueOf(stats);
    },
    async delete(task, execId, until = 'gone') {
      if (execId === undefined) return deleteTask(task, until);
      const shim = shims.get(keyOf(task));
      if (shim === undefined) return;
      try {
        await shim.call(Task.method.delete, { id: task.id, execId });
      } catch (error) {
        if (!isRejection(error) || error.code !== 'not-found') throw error;
      }
      shim.forget(execId);
      forgetExec(shim.bundle, execId);
    },
    async probe(): Promise<readonly ProbedTask[]> {
      await Promise.all(leaving.values());
      const tasks = await listBundles(options.stateDirectory);
      return Promise.all(tasks.map((task) => probeBundle(task, bundleOf(task), timeouts)));
    },
    async adopt(task) {
      if (shims.has(keyOf(task))) return;
      const bundle = bundleOf(task);
      const endpoint = readEndpoint(bundle);
      if (endpoint === undefined) throw noTask(task);
      const closeLog = copyShimLog(bundle, task, options.logger);
      try {
        const shim = await Shim.connect({ task, bundle, endpoint, timeouts }, closeLog, timeouts.connect);
        shims.set(keyOf(task), shim);
        void shim.watch('');
      } catch (error) {
        closeLog();
        throw error;
      }
    },
    purge,
    oom: outOfMemory,
    async close() {
      await Promise.all(leaving.values());
      for (const shim of shims.values()) shim.close();
      shims.clear();
      outOfMemory.complete();
      await events.close();
    },
  };
};
