import { closeSync, constants, existsSync, openSync, renameSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { Subject } from 'rxjs';
import { z } from 'zod';
import type { AnyValue } from '../../domain/any-value.ts';
import type { ExecId } from '../../domain/identity.ts';
import { asRejection, isRejection, Rejection } from '../../domain/rejection.ts';
import { withJoinedNamespaces } from '../../engine/ports/joined-namespaces.ts';
import type { ProbedTask, Runtime, TaskOrder } from '../../engine/ports/runtime.ts';
import type { TaskKey } from '../../engine/ports/task-key.ts';
import { turns } from '../../engine/ports/turns.ts';
import { hasCode } from '../syscalls/error.ts';
import {
  hasRecord,
  listBundles,
  makeDirectory,
  noteStarted,
  readRecord,
  readSpecification,
  removeDirectory,
  writePart,
} from './bundle.ts';
import { controlGroupOf } from './control-group.ts';
import { metricsOf } from './metrics.ts';
import { givePipes, ownerOf } from './pipe-owner.ts';
import { probeBundle } from './probe.ts';
import { endKept, purgeBundle } from './purge.ts';
import { nameOf, type Tasks } from './tasks.ts';

const SIGKILL = 9;
const killed = 128 + SIGKILL;

const Namespaces = z.object({
  linux: z.object({ namespaces: z.array(z.object({ type: z.string(), path: z.string().optional() })) }),
});

/** Whether the container has a pid namespace of its own. */
const hasOwnProcesses = (specification: string): boolean =>
  Namespaces.parse(JSON.parse(specification)).linux.namespaces.some(
    ({ type, path }) => type === 'pid' && path === undefined,
  );

const only = (what: string) => (): Promise<never> =>
  Promise.reject(
    new Rejection(
      'unimplemented',
      `${what} by a client of containerd's API needs a shim, and this container is kept by conmon; make it with a runtime such as io.containerd.runc.v2`,
    ),
  );

const textOf = (value: AnyValue): string =>
  'json' in value ? value.json : Buffer.from(value.base64, 'base64').toString();

const sendSignal = (pid: number, signal: number): void => {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (!hasCode(error, 'ESRCH')) throw error;
    throw new Rejection('not-found', `process ${pid} has just ended`);
  }
};

/** Writes to conmon's fifo, without waiting for one that is not there to read. */
const tellKeeper = (directory: string, words: string): void => {
  try {
    const fifo = openSync(join(directory, 'ctl'), constants.O_WRONLY | constants.O_NONBLOCK);
    try {
      writeSync(fifo, words);
    } finally {
      closeSync(fifo);
    }
  } catch (error) {
    if (!hasCode(error, 'ENOENT', 'ENXIO', 'EPIPE')) throw error;
    throw new Rejection('not-found', 'the process has ended');
  }
};

/** Runs tasks through an OCI runtime that is called directly, with a conmon for each process, which outlives the daemon. */
export const conmonRuntime = (
  tasks: Tasks,
  outOfMemory: Subject<TaskKey>,
  tellOom: (task: TaskKey) => void,
): Runtime => {
  const { options } = tasks;
  const creating = new Set<string>();
  const creates = turns(options.concurrency ?? 16);
  const purges = turns(options.concurrency ?? 16);

  const purge: Runtime['purge'] = async (task) => {
    const bundle = tasks.bundleOf(task);
    if (!existsSync(bundle)) return undefined;
    const exit = await purges(() => purgeBundle(task.id, bundle, tasks.runtimeOf(task)));
    tasks.drop(task);
    return exit;
  };

  const specify = async (request: TaskOrder, bundle: string): Promise<void> => {
    const pidOf = async (id: TaskKey['id']) => tasks.known({ ...request.task, id }).pid();
    const [secrets, stdio, config] = await Promise.all([
      request.secrets,
      request.stdio,
      withJoinedNamespaces(request.config, pidOf),
    ]);
    const text = await options.specification.container({ ...request, config, secrets, stdio }, bundle);
    const fresh = join(bundle, 'config.json.new');
    writeFileSync(fresh, text, { mode: 0o600 });
    renameSync(fresh, join(bundle, 'config.json'));
  };

  const create = async (request: TaskOrder): Promise<{ pid: number }> => {
    const { task, runtime } = request;
    const bundle = tasks.bundleOf(task);
    if (hasRecord(bundle))
      throw new Rejection('already-exists', `task ${nameOf(task)} exists; delete it first`);
    const record = tasks.recordFor(task, runtime.binary);
    makeDirectory(bundle);
    writePart(bundle, 'record', record, 'wx');
    const ready = specify(request, bundle);
    try {
      return await creates(async () => {
        const { pid } = await tasks.begin(task, record, ready);
        // The OCI runtime has made it the container's user already, and could not give the pipes along.
        if (request.config.namespaces.user !== 'host') givePipes(pid, ownerOf(pid));
        return { pid };
      });
    } catch (error) {
      await Promise.allSettled([ready]);
      await purge(task).catch((failed: unknown) => {
        options.logger.warn('a failed create left something behind', {
          ...task,
          error: asRejection(failed).message,
        });
      });
      throw error;
    }
  };

  const deleteTask = async (task: TaskKey): Promise<void> => {
    const bundle = tasks.bundleOf(task);
    if (readRecord(bundle) === undefined) return;
    const held = tasks.held(task);
    if (held === undefined) {
      await purge(task);
      return;
    }
    if (!held.over)
      throw new Rejection('failed-precondition', `task ${nameOf(task)} is running; stop it first`);
    try {
      await tasks.runtimeOf(task).removeEnded(controlGroupOf(bundle));
    } catch (error) {
      if (!isRejection(error)) throw error;
      options.logger.info('the OCI runtime would not delete a task; it is purged', { ...task, error });
      await purge(task);
      return;
    }
    removeDirectory(bundle);
    tasks.drop(task);
  };

  const exitOf = async (task: TaskKey, execId?: ExecId) => {
    const exit = await tasks.known(task, execId).ended;
    if (isRejection(exit)) throw exit;
    // conmon may be told of the end before it is told why.
    if (exit.code === killed && controlGroupOf(tasks.bundleOf(task))?.sawOomKill) tellOom(task);
    return exit;
  };

  const alive = (task: TaskKey): TaskKey => {
    tasks.known(task).pid();
    return task;
  };

  return {
    async create(request) {
      const name = nameOf(request.task);
      if (creating.has(name)) throw new Rejection('already-exists', `task ${name} is being created`);
      creating.add(name);
      try {
        return await create(request);
      } finally {
        creating.delete(name);
      }
    },
    createOrdered: only('a task'),
    async start(task) {
      const pid = tasks.known(task).pid();
      await tasks.runtimeOf(task).start();
      noteStarted(tasks.bundleOf(task));
      return { pid };
    },
    async exec(task, execId, process, secrets) {
      alive(task);
      const directory = tasks.directoryOf(task, execId);
      const path = join(directory, 'specification.json');
      if (existsSync(path))
        throw new Rejection('already-exists', `process ${nameOf(task, execId)} exists; delete it first`);
      const container = readSpecification(tasks.bundleOf(task));
      writeFileSync(path, await options.specification.process(container, process, secrets), { mode: 0o600 });
    },
    execOrdered: only('an extra process'),
    async startExec(task, execId) {
      const held = tasks.held(task, execId);
      if (held === undefined)
        throw new Rejection('not-found', `process ${nameOf(task, execId)} was never made`);
      return { pid: await tasks.beginExec(task, execId, held) };
    },
    wait: exitOf,
    async signal(task, signal, { execId, all = false } = {}) {
      const pid = tasks.known(task, execId).pid();
      const bundle = tasks.bundleOf(task);
      // The kernel kills what is in a pid namespace with its first process.
      const first = signal === SIGKILL && hasOwnProcesses(readSpecification(bundle));
      if (all && execId === undefined && !first) await tasks.runtimeOf(task).killAll(signal);
      else sendSignal(pid, signal);
    },
    pause: async (task) => tasks.runtimeOf(alive(task)).pause(),
    resume: async (task) => tasks.runtimeOf(alive(task)).resume(),
    async resize(task, { width, height }, execId) {
      // Type 1 of conmon's messages is a size; it reads a line at a time.
      tellKeeper(tasks.known(task, execId).directory, `1 ${height} ${width}\n`);
    },
    // conmon has no end of its own: it closed the input when `Attachment.closeStdin` resolved.
    closeStdin: async () => undefined,
    update: async (task, resources) =>
      tasks.runtimeOf(alive(task)).update(options.specification.resources(resources)),
    updateOrdered: async (task, resources) => tasks.runtimeOf(alive(task)).update(textOf(resources)),
    checkpoint: only('a checkpoint'),
    pids: async (task) => tasks.runtimeOf(alive(task)).pids(),
    processes: async (task) => (await tasks.runtimeOf(alive(task)).pids()).map((pid) => ({ pid })),
    async stats(task) {
      const group = controlGroupOf(tasks.bundleOf(alive(task)));
      if (group !== undefined) return metricsOf(group);
      throw new Rejection('unavailable', `${nameOf(task)} has no control group that can be found`);
    },
    async delete(task, execId) {
      if (execId === undefined) return deleteTask(task);
      const directory = tasks.directoryOf(task, execId);
      // A crash may have come between its start and the outcome in the log.
      if (existsSync(directory)) await endKept(directory);
      removeDirectory(directory);
      tasks.drop(task, execId);
    },
    async probe(): Promise<readonly ProbedTask[]> {
      const found = (await listBundles(options.stateDirectory)).filter((task) =>
        hasRecord(tasks.bundleOf(task)),
      );
      return Promise.all(found.map((task) => probeBundle(task, tasks.bundleOf(task), tasks.runtimeOf(task))));
    },
    async adopt(task) {
      const bundle = tasks.bundleOf(task);
      if (readRecord(bundle) === undefined)
        throw new Rejection('not-found', `task ${nameOf(task)} is not there`);
      tasks.adopt(task);
      const probed = await probeBundle(task, bundle, tasks.runtimeOf(task));
      for (const execId of probed.execs) tasks.adopt(task, execId);
    },
    purge,
    oom: outOfMemory,
    async close() {
      tasks.close();
      outOfMemory.complete();
    },
  };
};
