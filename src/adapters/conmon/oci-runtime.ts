import { accessSync, constants } from 'node:fs';
import { delimiter, isAbsolute, join } from 'node:path';
import { z } from 'zod';
import { isRejection, Rejection } from '../../domain/rejection.ts';
import type { TaskKey } from '../../engine/ports/task-key.ts';
import { hasCode } from '../syscalls/error.ts';
import type { TaskRecord } from './bundle.ts';
import { commandEnvironment, runCommand } from './command.ts';
import type { ConmonTimeouts } from './options.ts';
import { startFailure } from './start-failure.ts';

const isExecutable = (path: string): boolean => {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR', 'EACCES')) return false;
    throw error;
  }
};

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

  /** @throws StartFailure, Rejection `deadline-exceeded` */
  async start(): Promise<void> {
    try {
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

  async delete(force: boolean): Promise<void> {
    await this.#run(['delete', ...(force ? ['--force'] : []), this.#id], this.#timeouts.create);
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
