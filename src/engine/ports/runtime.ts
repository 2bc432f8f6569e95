import type { Observable } from 'rxjs';
import type { AnyValue } from '../../domain/any-value.ts';
import type { ClientOrder, ExecOrder } from '../../domain/client-order.ts';
import type { ContainerConfig, ProcessConfig, Resources } from '../../domain/container-config.ts';
import type { ExecId, Timestamp } from '../../domain/identity.ts';
import type { FoundTask } from '../../workflows/repair.ts';
import type { StdioPaths } from './stdio.ts';
import type { TaskKey } from './task-key.ts';

export type { TaskKey } from './task-key.ts';

/**
 * Runs tasks: one process tree per container, kept alive by something that outlives the daemon (a shim, or conmon).
 *
 * Life of a task. The log names the intent before each call here, and the outcome after it. `create` makes the bundle and
 * a created but not yet running process; `start` lets it run; `wait` resolves once with its exit, also when it exited
 * while no daemon was there; `delete` frees everything of it. Execs live inside a task by the same verbs.
 *
 * After a restart of the daemon `probe` lists what is really there, and `adopt` takes a live task up again; everything
 * else then works as before. Each call has its own time limit, so that one hung shim delays nothing else.
 *
 * Errors: `not-found` (no such task or process), `failed-precondition` (wrong state), `deadline-exceeded`,
 * `unavailable` (the shim is gone), and for a process that cannot be started {@link StartFailure} in the message's stead.
 */
export interface Runtime {
  create(request: TaskOrder): Promise<{ readonly pid: number }>;
  /** As `create`, by the specification, root and streams of a client of containerd's API, which are used as they are. */
  createOrdered(request: ClientTask): Promise<{ readonly pid: number }>;
  start(task: TaskKey): Promise<{ readonly pid: number }>;
  exec(
    task: TaskKey,
    execId: ExecId,
    process: ProcessConfig,
    secrets: Secrets,
    stdio: StdioPaths,
  ): Promise<void>;
  /** As `exec`, by a client's own process document and streams. */
  execOrdered(task: TaskKey, execId: ExecId, order: ExecOrder): Promise<void>;
  startExec(task: TaskKey, execId: ExecId): Promise<{ readonly pid: number }>;
  /** Resolves when the process has exited; rejects with `unavailable` when its shim is gone. */
  wait(task: TaskKey, execId?: ExecId): Promise<Exit>;
  /** @param all every process of the container, where no execId is given */
  signal(task: TaskKey, signal: number, options?: { execId?: ExecId; all?: boolean }): Promise<void>;
  pause(task: TaskKey): Promise<void>;
  resume(task: TaskKey): Promise<void>;
  resize(task: TaskKey, size: TerminalSize, execId?: ExecId): Promise<void>;
  /** Closes the shim's own end of standard input; to be called once `Attachment.closeStdin` has resolved. */
  closeStdin(task: TaskKey, execId?: ExecId): Promise<void>;
  update(task: TaskKey, resources: Resources): Promise<void>;
  /** As `update`, by a client's own document. */
  updateOrdered(
    task: TaskKey,
    resources: AnyValue,
    annotations: Readonly<Record<string, string>>,
  ): Promise<void>;
  /**
   * Writes images of all processes of a task into a folder, from which another task can go on.
   * @param options for the shim, which say among others whether the task ends by it
   */
  checkpoint(task: TaskKey, folder: string, options: AnyValue | undefined): Promise<void>;
  pids(task: TaskKey): Promise<readonly number[]>;
  /** As `pids`, with what the shim says of each. */
  processes(task: TaskKey): Promise<readonly { readonly pid: number; readonly info?: AnyValue }[]>;
  /** What the task uses, in the shim's own form. */
  stats(task: TaskKey): Promise<AnyValue>;
  /**
   * Frees a stopped process; for the task itself also its shim and bundle. The rootfs stays mounted: the
   * caller unmounts it. Nothing happens where all is gone.
   * @param until `freed`: what is left when the process is freed may go by itself afterwards; a new task of the name waits
   *   for that. `gone` when absent
   */
  delete(task: TaskKey, execId?: ExecId, until?: 'freed' | 'gone'): Promise<void>;
  /** Everything of this runtime on the host, named by the log or not. Asks all shims at once, each with a time limit. */
  probe(): Promise<readonly ProbedTask[]>;
  /** Takes up a live task that `probe` found. */
  adopt(task: TaskKey): Promise<void>;
  /**
   * Ends whatever is left of a task by force: kills, runs the shim's own clean-up, removes the bundle. Like
   * `delete` it leaves the rootfs to the caller, which must not be mounted inside the bundle any more.
   * @returns the exit that the clean-up reports, which is that of a kill
   */
  purge(task: TaskKey): Promise<Exit | undefined>;
  /** Out-of-memory kills. */
  readonly oom: Observable<TaskKey>;
  /** Lets go of connections; tasks go on. */
  close(): Promise<void>;
}

/** Values of the names in `ProcessConfig.secretEnv`. */
export type Secrets = Readonly<Record<string, string>>;

export interface CreateTask {
  readonly task: TaskKey;
  readonly config: ContainerConfig;
  readonly secrets: Secrets;
  /** Mounted at a path of the caller's. */
  readonly rootfs: string;
  readonly stdio: StdioPaths;
  readonly runtime: RuntimeChoice;
}

export interface ClientTask {
  readonly task: TaskKey;
  readonly runtime: { readonly name: string; readonly options?: AnyValue | undefined };
  /** OCI runtime specification. */
  readonly spec: AnyValue;
  readonly order: ClientOrder;
  /** Folder with images of processes that the task is to go on from; the runtime may take it away. */
  readonly images?: string | undefined;
  /** The sandbox whose shim is to have it, in the task's namespace; a shim of its own when absent. */
  readonly sandbox?: string | undefined;
}

/** A task to be made, while what it needs is still being made: that goes on while its shim starts. */
export interface TaskOrder extends Omit<CreateTask, 'secrets' | 'stdio'> {
  readonly secrets: Secrets | Promise<Secrets>;
  /** Once they are there, `rootfs` is mounted too. */
  readonly stdio: StdioPaths | Promise<StdioPaths>;
}

export interface RuntimeChoice {
  /** `conmon`, or a shim: containerd's name, such as `io.containerd.runc.v2`, or an absolute path. */
  readonly name: string;
  /** The OCI runtime that is called; its default when absent. */
  readonly binary?: string | undefined;
}

export interface Exit {
  /** 0 to 255; 128 + n when signal n ended it. */
  readonly code: number;
  readonly at: Timestamp;
}

export interface TerminalSize {
  readonly width: number;
  readonly height: number;
}

/** What `probe` finds of one task. */
export type ProbedTask = FoundTask;

/** Why a process could not be started: the exit code that docker would use (127 not found, 126 not executable, 125 else). */
export class StartFailure extends Error {
  readonly exitCode: 125 | 126 | 127;
  constructor(exitCode: 125 | 126 | 127, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'StartFailure';
    this.exitCode = exitCode;
  }
}
