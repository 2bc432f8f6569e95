import { merge } from 'rxjs';
import { withJoinedNamespaces } from './ports/joined-namespaces.ts';
import type { Runtime, TaskOrder } from './ports/runtime.ts';
import type { ProcessKey, Stdio } from './ports/stdio.ts';
import type { TaskKey } from './ports/task-key.ts';

/** What runs tasks, and holds their streams. */
export interface Keeper {
  readonly runtime: Runtime;
  readonly stdio: Stdio;
}

/** One that can tell its own tasks. */
export interface LightKeeper extends Keeper {
  /** Containers whose record names this runtime are its own. */
  readonly name: string;
  /** Whether it has something of this task, also after a restart. */
  holds(task: TaskKey): boolean;
}

/**
 * Two runtimes as one. A container's record names its runtime, so it keeps the one that it was made for; what is there of a
 * task says who is to be asked about it. Clients of containerd's API always get shims.
 */
export const runtimesTogether = (light: LightKeeper, shims: Keeper): Keeper => {
  const keeperOf = (task: TaskKey): Keeper => (light.holds(task) ? light : shims);
  const runtimeOf = (task: TaskKey): Runtime => keeperOf(task).runtime;
  const stdioOf = (process: ProcessKey): Stdio => keeperOf(process).stdio;

  /** The process of a task that another keeper has. */
  const foreignPid = async (task: TaskKey, own: Keeper): Promise<number | undefined> => {
    const keeper = keeperOf(task);
    if (keeper === own) return undefined;
    const found = (await keeper.runtime.probe()).find(
      (each) => each.task.namespace === task.namespace && each.task.id === task.id,
    );
    return found && 'pid' in found.state ? found.state.pid : undefined;
  };

  const create = async (request: TaskOrder) => {
    const keeper = request.runtime.name === light.name ? light : shims;
    const { namespace } = request.task;
    const config = await withJoinedNamespaces(request.config, (id) => foreignPid({ namespace, id }, keeper));
    return keeper.runtime.create({ ...request, config });
  };

  const runtime: Runtime = {
    create,
    createOrdered: (request) => shims.runtime.createOrdered(request),
    start: (task) => runtimeOf(task).start(task),
    exec: (task, ...rest) => runtimeOf(task).exec(task, ...rest),
    execOrdered: (task, ...rest) => runtimeOf(task).execOrdered(task, ...rest),
    startExec: (task, execId) => runtimeOf(task).startExec(task, execId),
    wait: (task, execId) => runtimeOf(task).wait(task, execId),
    signal: (task, ...rest) => runtimeOf(task).signal(task, ...rest),
    pause: (task) => runtimeOf(task).pause(task),
    resume: (task) => runtimeOf(task).resume(task),
    resize: (task, ...rest) => runtimeOf(task).resize(task, ...rest),
    closeStdin: (task, execId) => runtimeOf(task).closeStdin(task, execId),
    update: (task, resources) => runtimeOf(task).update(task, resources),
    updateOrdered: (task, ...rest) => runtimeOf(task).updateOrdered(task, ...rest),
    checkpoint: (task, ...rest) => runtimeOf(task).checkpoint(task, ...rest),
    pids: (task) => runtimeOf(task).pids(task),
    processes: (task) => runtimeOf(task).processes(task),
    stats: (task) => runtimeOf(task).stats(task),
    delete: (task, execId, until) => runtimeOf(task).delete(task, execId, until),
    probe: async () => (await Promise.all([light.runtime.probe(), shims.runtime.probe()])).flat(),
    adopt: (task) => runtimeOf(task).adopt(task),
    purge: (task) => runtimeOf(task).purge(task),
    oom: merge(light.runtime.oom, shims.runtime.oom),
    close: async () => {
      await Promise.all([light.runtime.close(), shims.runtime.close()]);
    },
  };

  const stdio: Stdio = {
    open(process, options) {
      const own = process.execId === undefined ? options.runtime === light.name : light.holds(process);
      return (own ? light : shims).stdio.open(process, options);
    },
    attach: (process) => stdioOf(process).attach(process),
    drained: (process, timeoutMs) => stdioOf(process).drained(process, timeoutMs),
    close: (process) => stdioOf(process).close(process),
    list: async () => (await Promise.all([light.stdio.list(), shims.stdio.list()])).flat(),
  };
  return { runtime, stdio };
};
