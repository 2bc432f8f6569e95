import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Subject } from 'rxjs';
import { Rejection } from '../../domain/rejection.ts';
import type { Runtime } from '../../engine/ports/runtime.ts';
import type { ProcessKey, Stdio, StdioPaths } from '../../engine/ports/stdio.ts';
import { type TaskKey, taskKeyOf } from '../../engine/ports/task-key.ts';
import {
  hasRecord,
  listBundles,
  listExecs,
  makeDirectory,
  readStreams,
  removeDirectory,
  tasksOf,
  writePart,
} from './bundle.ts';
import type { ConmonOptions } from './options.ts';
import { conmonRuntime } from './runtime.ts';
import { nameOf, Tasks } from './tasks.ts';

/** Tasks without a shim: one conmon for each process holds it, its output and its exit code (docs/adr/0035). */
export interface Conmon {
  readonly runtime: Runtime;
  /** The streams of those tasks; conmon itself holds them. */
  readonly stdio: Stdio;
  /** Whether it has something of this task. */
  holds(task: TaskKey): boolean;
}

export const createConmon = (options: ConmonOptions): Conmon => {
  mkdirSync(tasksOf(options.stateDirectory), { recursive: true, mode: 0o711 });
  const outOfMemory = new Subject<TaskKey>();
  const told = new Set<string>();
  const tellOom = (task: TaskKey): void => {
    if (told.has(nameOf(task))) return;
    told.add(nameOf(task));
    outOfMemory.next(taskKeyOf(task));
  };
  const tasks = new Tasks(options, tellOom);
  const runtime = conmonRuntime(tasks, outOfMemory, tellOom);
  return {
    runtime: {
      ...runtime,
      create(request) {
        told.delete(nameOf(request.task));
        return runtime.create(request);
      },
    },
    stdio: conmonStdio(tasks),
    holds: (task) => existsSync(tasks.bundleOf(task)),
  };
};

const conmonStdio = (tasks: Tasks): Stdio => ({
  async open(process, { terminal, stdin, log }): Promise<StdioPaths> {
    const directory = tasks.directoryOf(process, process.execId);
    const settings = { terminal, stdin, ...(log ? { log } : {}) };
    makeDirectory(directory);
    writePart(directory, 'streams', settings);
    tasks.hold(process, process.execId, settings);
    // The process gets pipes that conmon makes; outside they are all behind this one socket.
    const socket = join(directory, 'attach');
    return { stdin: stdin ? socket : '', stdout: socket, stderr: terminal ? '' : socket, terminal };
  },
  async attach(process) {
    const held = tasks.held(process, process.execId);
    if (held) return held.hub.attach();
    throw new Rejection(
      'not-found',
      `cannot attach to ${nameOf(process, process.execId)}: its streams are closed`,
    );
  },
  async drained(process, timeoutMs) {
    const held = tasks.held(process, process.execId);
    if (!held?.known || held.over) return;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, timeoutMs);
    });
    await Promise.race([held.ended, late]);
    clearTimeout(timer);
  },
  async close(process) {
    const { execId } = process;
    const directory = tasks.directoryOf(process, execId);
    // The streams of a task that is there are its conmon's, and go with it.
    if (execId === undefined && hasRecord(directory)) return;
    removeDirectory(directory);
    tasks.drop(process, execId);
  },
  async list(): Promise<readonly ProcessKey[]> {
    const found: ProcessKey[] = [];
    for (const task of await listBundles(tasks.options.stateDirectory)) {
      const bundle = tasks.bundleOf(task);
      if (readStreams(bundle)) found.push(task);
      for (const execId of await listExecs(bundle)) found.push({ ...task, execId });
    }
    return found;
  },
});
