import { rm } from 'node:fs/promises';
import { basename, delimiter, isAbsolute, join } from 'node:path';
import { z } from 'zod';
import { isRejection, Rejection } from '../../domain/rejection.ts';
import type { TaskKey } from '../../engine/ports/task-key.ts';
import { isExecutable } from '../syscalls/executable.ts';
import type { TaskRecord } from './bundle.ts';
import { commandEnvironment, runCommand } from './command.ts';
import type { ControlGroup } from './control-group.ts';
import { passFifo } from './exec-fifo.ts';
import type { ConmonTimeouts } from './options.ts';
import { startFailure } from './start-failure.ts';

/** The program's absolute path. @throws Rejection `not-found` where no folder of PATH has it */
export const findProgram = (name: string): string => {
  const folders = (commandEnvironment().PATH ?? '').split(delimiter).filter(isAbsolute);
  const candidates = isAbsolute(name) ? [name] : folders.map((folder) => join(folder, name));
  const found = candidates.find(isExecutable);
  if (found !== undefined) return found;
  throw new Rejection('not-found', `no executable ${name} in PATH; install it or name its path`);
};

/** For each call, before its command. conmon hands them on, too. */
export const globalArguments = (root: string): readonly string[] => ['--root', root, '--log-format', 'json'];

const State = z.object({ status: z.enum(['creating', 'created', 'running', 'paused', 'stopped']) });
const Pids = z.array(z.number().int());

/** An OCI runtime, called for one task. */
export class OciRuntime {
  readonly #binary: string;
  readonly #root: string;
  readonly #id: string;
  readonly #bundle: string;
  readonly #timeouts: ConmonTimeouts;

  constructor(record: TaskRecord, task: TaskKey, bundle: string, timeouts: ConmonTimeouts) {
    this.#binary = record.runtimeBinary;
    this.#root = record.runtimeRoot;
    this.#id = task.id;
    this.#bundle = bundle;
    this.#timeouts = timeouts;
  }

  /** Whether it has anything of the task. */
  get stateDirectory(): string {
    return join(this.#root, this.#id);
  }

  /**
   * Lets the created process run. @throws StartFailure, Rejection `deadline-exceeded`
   *
   * runc's own process waits in open(2) of a fifo for somebody who reads it (libcontainer, `exec.fifo` in the container's
   * state); `runc start` does nothing else. Doing it here saves a process. Where there is no such fifo, or
   * nobody who waits, and for any other OCI runtime, its own command does it, or says why not.
   */
  async start(): Promise<void> {
    const fifo = join(this.stateDirectory, 'exec.fifo');
    const isWaiting = async () => (await this.status()) === 'created';
    try {
      if (this.#isRunc && (await passFifo(fifo, isWaiting, this.#timeouts.create))) return;
      await this.#run(['start', this.#id], this.#timeouts.create);
    } catch (error) {
      if (isRejection(error) && error.code === 'unavailable') throw startFailure(error.message);
      throw error;
    }
  }

  async status(): Promise<z.infer<typeof State>['status']> {
    return State.parse(JSON.parse(await this.#run(['state', this.#id]))).status;
  }

  async pids(): Promise<readonly number[]> {
    return Pids.parse(JSON.parse(await this.#run(['ps', '--format', 'json', this.#id])) ?? []);
  }

  async pause(): Promise<void> {
    await this.#run(['pause', this.#id]);
  }

  async resume(): Promise<void> {
    await this.#run(['resume', this.#id]);
  }

  async killAll(signal: number): Promise<void> {
    await this.#run(['kill', '--all', this.#id, String(signal)]);
  }

  /** @param resources LinuxResources document */
  async update(resources: string): Promise<void> {
    await this.#run(['update', '--resources', '-', this.#id], this.#timeouts.call, resources);
  }

  /**
   * Removes what is left of a process that has ended. runc removes the control group and its state, so this is done here,
   * which saves a process; where anything is left in the group, and for any other OCI runtime, its own command does it.
   */
  async removeEnded(group: ControlGroup | undefined): Promise<void> {
    if (!this.#isRunc || group === undefined || !(await group.remove())) return this.delete(false);
    await rm(this.stateDirectory, { recursive: true, force: true });
  }

  async delete(force: boolean): Promise<void> {
    await this.#run(['delete', ...(force ? ['--force'] : []), this.#id], this.#timeouts.create);
  }

  get #isRunc(): boolean {
    return basename(this.#binary) === 'runc';
  }

  #run(args: readonly string[], timeoutMs = this.#timeouts.call, stdin?: string): Promise<string> {
    return runCommand({
      binary: this.#binary,
      args: [...globalArguments(this.#root), ...args],
      cwd: this.#bundle,
      timeoutMs,
      ...(stdin === undefined ? {} : { stdin }),
    });
  }
}
