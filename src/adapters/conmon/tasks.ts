import { type FSWatcher, readlinkSync, symlinkSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { ExecId } from '../../domain/identity.ts';
import { Rejection } from '../../domain/rejection.ts';
import type { TaskKey } from '../../engine/ports/task-key.ts';
import { hasCode } from '../syscalls/error.ts';
import {
  bundlePath,
  execPath,
  readRecord,
  readSpecification,
  readStreams,
  runtimeRoot,
  type StreamSettings,
  sawOom,
  type TaskRecord,
  writePart,
} from './bundle.ts';
import { Held } from './held.ts';
import { LogKeeper } from './log-keeper.ts';
import { findProgram, globalArguments, OciRuntime } from './oci-runtime.ts';
import { type ConmonOptions, type ConmonTimeouts, conmonTimeouts } from './options.ts';
import { givePipes, rootOf } from './pipe-owner.ts';
import { statusOf } from './process-identity.ts';
import { type ConmonJob, type StartedConmon, startConmon } from './spawn.ts';
import { watchFolder } from './watching.ts';

export const nameOf = ({ namespace, id }: TaskKey, execId?: ExecId): string =>
  execId === undefined ? `${namespace}/${id}` : `${namespace}/${id}/${execId}`;

const linkTo = (target: string, path: string): void => {
  try {
    symlinkSync(target, path);
  } catch (error) {
    if (!hasCode(error, 'EEXIST') || readlinkSync(path) !== target) throw error;
  }
};

/** What this daemon knows of its tasks, and how conmon is called for them. The directories are the truth of it. */
export class Tasks {
  readonly options: ConmonOptions;
  readonly timeouts: ConmonTimeouts;
  readonly #held = new Map<string, Held>();
  readonly #logs = new Map<string, LogKeeper>();
  readonly #watchers = new Map<string, FSWatcher>();
  readonly #outOfMemory: (task: TaskKey) => void;

  /** @param outOfMemory told when conmon saw memory run out */
  constructor(options: ConmonOptions, outOfMemory: (task: TaskKey) => void) {
    this.options = options;
    this.timeouts = { ...conmonTimeouts, ...options.timeouts };
    this.#outOfMemory = outOfMemory;
  }

  bundleOf(task: TaskKey): string {
    return bundlePath(this.options.stateDirectory, task);
  }

  directoryOf(task: TaskKey, execId?: ExecId): string {
    return execId === undefined ? this.bundleOf(task) : execPath(this.bundleOf(task), execId);
  }

  /** The OCI runtime that made it. */
  runtimeOf(task: TaskKey): OciRuntime {
    const bundle = this.bundleOf(task);
    return new OciRuntime(readRecord(bundle) ?? this.recordFor(task), task, bundle, this.timeouts);
  }

  /** For a task that is yet to be made. @param binary its own OCI runtime, where it names one */
  recordFor({ namespace }: TaskKey, binary?: string): TaskRecord {
    const { stateDirectory, runtimeBinary = 'runc', runtimeRoot: root } = this.options;
    return {
      version: 1,
      runtimeBinary: findProgram(binary ?? runtimeBinary),
      runtimeRoot: runtimeRoot(stateDirectory, { namespace }, root),
    };
  }

  held(task: TaskKey, execId?: ExecId): Held | undefined {
    return this.#held.get(nameOf(task, execId));
  }

  /** @throws Rejection `not-found` */
  known(task: TaskKey, execId?: ExecId): Held {
    const held = this.held(task, execId);
    if (held?.known) return held;
    throw new Rejection(
      'not-found',
      `task ${nameOf(task, execId)}: no conmon is known; it was deleted or never adopted`,
    );
  }

  /** The streams of a process, before there is one or after. */
  hold(task: TaskKey, execId: ExecId | undefined, settings: StreamSettings): Held {
    const name = nameOf(task, execId);
    const made = this.#held.get(name) ?? new Held(this.directoryOf(task, execId), task.id, name, settings);
    this.#held.set(name, made);
    return made;
  }

  /** Lets go of what is deleted. Those attached get the rest of the output. */
  drop(task: TaskKey, execId?: ExecId): void {
    const name = nameOf(task, execId);
    this.#held.get(name)?.lose(new Rejection('unavailable', `${name} was deleted`));
    this.#held.delete(name);
    if (execId !== undefined) return;
    this.#logs.get(name)?.stop();
    this.#logs.delete(name);
    this.#watchers.get(name)?.close();
    this.#watchers.delete(name);
    for (const other of this.#held.keys()) {
      if (!other.startsWith(`${name}/`)) continue;
      this.#held.get(other)?.lose(new Rejection('unavailable', `${other} was deleted with its container`));
      this.#held.delete(other);
    }
  }

  /** Starts conmon for the task, and so creates it. */
  async begin(task: TaskKey, record: TaskRecord, ready: Promise<unknown>): Promise<{ readonly pid: number }> {
    const bundle = this.bundleOf(task);
    const settings = readStreams(bundle);
    if (settings === undefined)
      throw new Rejection('failed-precondition', `the streams of ${nameOf(task)} are not open`);
    const held = this.hold(task, undefined, settings);
    const log = settings.log && new LogKeeper(settings.log, this.options.logger);
    const logging = ['--log-path', 'none'];
    if (settings.log && log) {
      // By way of a link, since conmon takes a colon in a path for an end of it.
      linkTo(dirname(settings.log.path), join(bundle, 'logs'));
      logging[1] = `k8s-file:logs/${basename(settings.log.path)}`;
      logging.push('--log-size-max', String(log.prepare()));
      this.#logs.set(nameOf(task), log);
    }
    const { pid } = await this.#start(task, held, record, { args: logging, ready });
    this.#look(task, held);
    return { pid };
  }

  /** Starts conmon for an extra process, and so the process. */
  async beginExec(task: TaskKey, execId: ExecId, held: Held): Promise<number> {
    const specification = join(held.directory, 'specification.json');
    const owner = rootOf(readSpecification(this.bundleOf(task)));
    const waits = held.hub.followed || owner !== undefined;
    const { pid } = await this.#start(task, held, this.#recordOf(task), {
      args: [
        ...['--log-path', 'none', '--exec', '--exec-process-spec', specification],
        ...(waits ? ['--exec-attach'] : []),
      ],
      ready: Promise.resolve(),
      cuuid: execId,
      ...(waits
        ? {
            attachable: (keeper) => {
              if (owner) givePipes(keeper, owner);
              held.hub.open();
            },
          }
        : {}),
    });
    return pid;
  }

  /** Takes up what an earlier daemon began. */
  adopt(task: TaskKey, execId?: ExecId): Held {
    const settings = readStreams(this.directoryOf(task, execId));
    if (settings === undefined) throw new Rejection('not-found', `task ${nameOf(task, execId)} is not there`);
    const held = this.hold(task, execId, settings);
    if (held.known) return held;
    held.adopt(this.options.logger);
    if (execId === undefined) {
      if (settings.log) this.#logs.set(nameOf(task), new LogKeeper(settings.log, this.options.logger));
      this.#look(task, held);
    }
    return held;
  }

  close(): void {
    for (const held of this.#held.values()) held.forget();
    for (const log of this.#logs.values()) log.stop();
    for (const watcher of this.#watchers.values()) watcher.close();
    this.#held.clear();
    this.#logs.clear();
    this.#watchers.clear();
  }

  #recordOf(task: TaskKey): TaskRecord {
    const record = readRecord(this.bundleOf(task));
    if (record) return record;
    throw new Rejection('not-found', `task ${nameOf(task)} is not there`);
  }

  async #start(
    task: TaskKey,
    held: Held,
    record: TaskRecord,
    job: Pick<ConmonJob, 'ready' | 'attachable'> & {
      readonly args: readonly string[];
      readonly cuuid?: string;
    },
  ): Promise<StartedConmon> {
    const { directory, settings } = held;
    const { terminal, stdin } = settings;
    const runtimeArguments = globalArguments(record.runtimeRoot);
    const started = await startConmon({
      binary: findProgram(this.options.binary ?? 'conmon'),
      directory,
      timeoutMs: this.timeouts.create,
      ready: job.ready,
      ...(job.attachable ? { attachable: job.attachable } : {}),
      args: [
        ...['--api-version', '1', '--sync', '--full-attach', '--no-sync-log'],
        ...['--cid', task.id, '--cuuid', job.cuuid ?? task.id, '--bundle', directory],
        ...['--container-pidfile', join(directory, 'pid'), '--exit-dir', join(directory, 'exit')],
        ...[
          '--runtime',
          record.runtimeBinary,
          ...runtimeArguments.flatMap((each) => ['--runtime-arg', each]),
        ],
        ...(this.options.noNewKeyring ? ['--no-new-keyring'] : []),
        // A terminal takes input in any case, and is not closed when a client leaves.
        ...(terminal ? ['--terminal'] : stdin ? ['--stdin'] : []),
        ...job.args,
      ],
    });
    const status = statusOf(started.pid);
    // It may have ended already.
    if (status) writePart(directory, 'process', { pid: status.pid, started: status.started });
    held.begin(started.child);
    held.hub.open();
    return started;
  }

  /** Watches what conmon does besides: rotated output, and want of memory. */
  #look(task: TaskKey, held: Held): void {
    const name = nameOf(task);
    const log = this.#logs.get(name);
    log?.start();
    void held.ended.then(() => log?.finish());
    const tell = (): void => {
      if (sawOom(held.directory)) this.#outOfMemory(task);
    };
    const watcher = watchFolder(held.directory, this.options.logger, (_event, file) => {
      if (file === 'oom') tell();
    });
    if (watcher !== undefined) {
      void held.ended.then(() => watcher.close());
      this.#watchers.set(name, watcher);
    }
    tell();
  }
}
