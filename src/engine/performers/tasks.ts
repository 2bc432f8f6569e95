import type { ContainerConfig } from '../../domain/container-config.ts';
import { containerSubject } from '../../domain/containers.ts';
import { oneRange } from '../../domain/id-mapping.ts';
import type { SnapshotId } from '../../domain/identity.ts';
import { Rejection } from '../../domain/rejection.ts';
import { findTask, isClients } from '../../domain/tasks.ts';
import { type AwaitedProcess, awaitEnd } from '../ending.ts';
import type { Ledger } from '../ledger.ts';
import type { Ports } from '../ports/ports.ts';
import type { Exit } from '../ports/runtime.ts';
import type { ProcessKey, StdioOptions, StdioPaths } from '../ports/stdio.ts';
import { type TaskKey, taskKeyOf } from '../ports/task-key.ts';
import type { EffectContext, Performers } from '../workflow-runner.ts';

type Part = Pick<
  Performers,
  | 'create-task'
  | 'create-client-task'
  | 'create-client-exec'
  | 'start-client-exec'
  | 'update-task'
  | 'checkpoint-task'
  | 'start-task'
  | 'tear-down-task'
  | 'purge-task'
  | 'pause-task'
  | 'resume-task'
  | 'signal-task'
  | 'start-exec'
  | 'end-exec'
  | 'await-end'
  | 'remove-container-files'
  | 'keep-secrets'
>;

/** How long the last output of an ended process is waited for (milliseconds); a descendant may hold its streams. */
const drainPatience = 2000;

/** Processes, and what they need around them: the mount of their root and their streams. */
export const taskPerformers = (ports: Ports, ledger: Ledger): Part => {
  const { runtime, stdio, mounter, snapshots, containerFiles, host } = ports;

  const openStreams = async (
    process: ProcessKey,
    options: StdioOptions,
    { attached }: EffectContext,
  ): Promise<StdioPaths> => {
    const paths = await stdio.open(process, options);
    if (attached) attached(await stdio.attach(process));
    return paths;
  };

  const mountRoot = async (
    task: TaskKey,
    { user }: ContainerConfig['namespaces'],
    [own, ...below]: readonly SnapshotId[],
  ): Promise<void> => {
    if (own === undefined) throw new Rejection('internal', `container '${task.id}' has no root`);
    const ids = user === 'host' ? undefined : oneRange(user);
    if (ids !== undefined) await snapshots.mapIds(own, ids);
    await mounter.mount(snapshots.mounts(own, below, true, ids), host.rootOf(task));
  };

  const freeStreams = async (task: TaskKey): Promise<void> => {
    for (const key of await stdio.list()) {
      if (key.namespace === task.namespace && key.id === task.id) await stdio.close(key);
    }
  };

  /** What is being freed, by task: the end of a process and the removal of its container often ask at the same time. */
  const freeing = new Map<string, Promise<Exit | undefined>>();
  const freed = (task: TaskKey, work: () => Promise<Exit | undefined>): Promise<Exit | undefined> => {
    const key = subjectOf(task);
    const own = work().finally(() => {
      if (freeing.get(key) === own) freeing.delete(key);
    });
    freeing.set(key, own);
    return own;
  };

  const tearDown = async (task: TaskKey): Promise<undefined> => {
    // One of a client's has its streams with the client, and its root within the bundle.
    if (isClients(findTask(ledger.head.world.task, task.namespace, task.id))) {
      await runtime.delete(task, undefined, 'freed');
      return undefined;
    }
    await stdio.drained(task, drainPatience);
    await Promise.all([runtime.delete(task), mounter.unmount(host.rootOf(task))]);
    await freeStreams(task);
    return undefined;
  };

  const purge = async (task: TaskKey): Promise<Exit | undefined> => {
    const exit = await runtime.purge(task);
    await mounter.unmount(host.rootOf(task));
    await freeStreams(task);
    return exit;
  };

  return {
    'create-task': async ({ container, root }, context) => {
      const task = taskKeyOf(container);
      const { terminal, stdin } = container.config.process;
      const parts = [
        openStreams(
          task,
          { terminal, stdin, log: host.logOf(task), runtime: container.runtime.name },
          context,
        ),
        containerFiles.readSecrets(task),
        mountRoot(task, container.config.namespaces, root),
      ] as const;
      const ready = Promise.all(parts);
      const [paths, values] = [ready.then((made) => made[0]), ready.then((made) => made[1])];
      // Asked for late, and not at all where the runtime refuses before it needs them.
      for (const late of [paths, values]) late.catch(() => undefined);
      try {
        return await runtime.create({
          task,
          config: container.config,
          secrets: values,
          rootfs: host.rootOf(task),
          stdio: paths,
          runtime: container.runtime,
        });
      } finally {
        // Freeing what was made must find all of it.
        await Promise.allSettled(parts);
      }
    },
    'create-client-task': ({ container, order, images }) => {
      const { runtime: choice, spec, sandbox } = container;
      return runtime.createOrdered({
        task: taskKeyOf(container),
        runtime: choice,
        spec,
        order,
        images,
        sandbox,
      });
    },
    'create-client-exec': ({ execId, order, ...task }) => runtime.execOrdered(taskKeyOf(task), execId, order),
    'start-client-exec': ({ execId, ...task }) => runtime.startExec(taskKeyOf(task), execId),
    'update-task': ({ resources, annotations, ...task }) =>
      runtime.updateOrdered(taskKeyOf(task), resources, annotations),
    'checkpoint-task': ({ folder, options, ...task }) => runtime.checkpoint(taskKeyOf(task), folder, options),
    'start-task': (task) => runtime.start(taskKeyOf(task)),
    'tear-down-task': async (address) => {
      const task = taskKeyOf(address);
      // Whoever is freeing it already does it for both.
      await (freeing.get(subjectOf(task)) ?? freed(task, () => tearDown(task)));
    },
    'purge-task': async (address) => {
      const task = taskKeyOf(address);
      await Promise.allSettled([freeing.get(subjectOf(task))]);
      return freed(task, () => purge(task));
    },
    'pause-task': (task) => runtime.pause(taskKeyOf(task)),
    'resume-task': (task) => runtime.resume(taskKeyOf(task)),
    'signal-task': ({ signal, execId, all, ...task }) =>
      runtime.signal(taskKeyOf(task), signal, { all, ...(execId === undefined ? {} : { execId }) }),
    'start-exec': async ({ execId, process, ...address }, context) => {
      const task = taskKeyOf(address);
      const { terminal, stdin } = process;
      const paths = await openStreams({ ...task, execId }, { terminal, stdin }, context);
      await runtime.exec(task, execId, process, await containerFiles.readSecrets(task), paths);
      return runtime.startExec(task, execId);
    },
    'end-exec': async ({ execId, ...address }) => {
      const task = taskKeyOf(address);
      await stdio.drained({ ...task, execId }, drainPatience);
      try {
        await runtime.delete(task, execId);
      } finally {
        // Whoever is attached waits for the end of the streams, also where the shim does not answer.
        await stdio.close({ ...task, execId });
      }
    },
    'await-end': (process, { signal }) => endsWithin(ledger, process, signal),
    'remove-container-files': async (address) => {
      const task = taskKeyOf(address);
      await containerFiles.remove(task);
    },
    'keep-secrets': ({ secrets: values, ...task }) => containerFiles.keepSecrets(taskKeyOf(task), values),
  };
};

const subjectOf = ({ namespace, id }: TaskKey): string => containerSubject(namespace, id);

/** Whether a process ended before the time was over. */
const endsWithin = async (
  ledger: Ledger,
  { ms, ...process }: AwaitedProcess & { readonly ms?: number },
  signal: AbortSignal | undefined,
): Promise<boolean> => {
  if (ms === undefined) {
    await awaitEnd(ledger, process, { signal });
    return true;
  }
  const late = AbortSignal.timeout(ms);
  try {
    await awaitEnd(ledger, process, { signal: signal ? AbortSignal.any([signal, late]) : late });
    return true;
  } catch (error) {
    if (late.aborted && !signal?.aborted) return false;
    throw error;
  }
};
