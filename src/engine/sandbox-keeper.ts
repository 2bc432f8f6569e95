import type { Namespace, SandboxId } from '../domain/identity.ts';
import { asRejection, isRejection, Rejection } from '../domain/rejection.ts';
import { findRun, type SandboxRun } from '../domain/sandbox-runs.ts';
import { findSandbox } from '../domain/sandboxes.ts';
import type { Command } from '../domain/world.ts';
import type { Ledger } from './ledger.ts';
import type { Cause } from './ports/cause.ts';
import type { Clock } from './ports/clock.ts';
import type { Logger } from './ports/logger.ts';
import type { SandboxEnding, SandboxKey, SandboxShims } from './ports/sandbox-shims.ts';
import type { SandboxController, SandboxLaunch } from './ports/store/sandboxes.ts';

/** Longest text of a shim's error that goes into the log, in characters. */
const errorLimit = 4096;

/**
 * Runs sandboxes in shims: each act stands in the log as an intent before it, and with its outcome after. Every sandbox
 * that runs is waited for, so that the log says when it ended, whoever asks or not.
 */
export class SandboxKeeper implements SandboxController {
  readonly #ledger: Ledger;
  readonly #shims: SandboxShims;
  readonly #clock: Clock;
  readonly #logger: Logger;
  /** The end of each sandbox that runs; never rejects. */
  readonly #ends = new Map<string, Promise<SandboxEnding | Rejection>>();
  #closing = false;

  constructor(ledger: Ledger, shims: SandboxShims, clock: Clock, logger: Logger) {
    this.#ledger = ledger;
    this.#shims = shims;
    this.#clock = clock;
    this.#logger = logger;
  }

  /** Compares the log with the shims there are: takes up those that live, and records those that are gone. */
  async recover(cause: Cause): Promise<void> {
    const runs = [...this.#ledger.head.world.sandbox.runs.values()];
    await Promise.all(runs.map((run) => this.#recoverRun(run, cause)));
    const told = new Set(runs.map(keyOf));
    const strays = (await this.#shims.list()).filter((sandbox) => !told.has(keyOf(sandbox)));
    await Promise.all(strays.map((sandbox) => this.#purge(sandbox)));
  }

  async #recoverRun(run: SandboxRun, cause: Cause): Promise<void> {
    const { namespace, id, status } = run;
    try {
      if (status === 'launching')
        throw new Rejection('unavailable', 'the daemon stopped while it was launched');
      await this.#shims.adopt(run);
      if (status === 'running' || status === 'starting') this.#watch(run, cause);
    } catch (error) {
      const because = asRejection(error).message;
      await this.#purge(run);
      await this.#ledger.dispatch([{ type: 'lose-sandbox', namespace, id, because }], cause);
    }
  }

  async create(namespace: Namespace, id: SandboxId, launch: SandboxLaunch, { cause }: Asked): Promise<void> {
    const record = findSandbox(this.#ledger.head.world.sandbox, namespace, id);
    const runtime = launch.runtime ?? record?.runtime;
    if (runtime === undefined || runtime.name === '') {
      throw new Rejection(
        'invalid-argument',
        `sandbox "${id}": no runtime is named; give a sandbox with one, or create its record first: invalid argument`,
      );
    }
    const { netns, rootfs, options, annotations } = launch;
    const spec = launch.spec ?? record?.spec;
    const intent = { type: 'launch-sandbox', namespace, id, runtime: runtime.name, netns } as const;
    await this.#ledger.dispatch([intent], cause);
    const order = { sandbox: { namespace, id }, runtime, spec, rootfs, options, netns, annotations };
    try {
      await this.#shims.launch(order);
    } catch (error) {
      await this.#record({ type: 'fail-sandbox-launch', namespace, id, error: wordsOf(error) }, cause);
      throw error;
    }
    await this.#record({ type: 'confirm-sandbox-launched', namespace, id }, cause);
  }

  async start(namespace: Namespace, id: SandboxId, { cause }: Asked) {
    await this.#ledger.dispatch([{ type: 'start-sandbox', namespace, id }], cause);
    const sandbox = { namespace, id };
    try {
      const { pid, createdAt } = await this.#shims.start(sandbox);
      await this.#record({ type: 'confirm-sandbox-started', namespace, id, pid }, cause);
      this.#watch(sandbox, cause);
      const { launchedAt } = this.#run(namespace, id);
      return { ...this.#shims.endpoint(sandbox), pid, createdAt: createdAt ?? launchedAt };
    } catch (error) {
      await this.#failed('start', sandbox, error, cause);
      await this.shutdown(namespace, id, { cause });
      throw error;
    }
  }

  platform(namespace: Namespace, id: SandboxId) {
    this.#run(namespace, id);
    return this.#shims.platform({ namespace, id });
  }

  async stop(namespace: Namespace, id: SandboxId, timeout: number, { cause }: Asked): Promise<void> {
    const sandbox = { namespace, id };
    if (!findRun(this.#ledger.head.world.sandbox.runs, namespace, id)) return;
    await this.#ledger.dispatch([{ type: 'stop-sandbox', namespace, id, timeout }], cause);
    try {
      await this.#shims.stop(sandbox, timeout);
    } catch (error) {
      const gone = isRejection(error) && (error.code === 'not-found' || error.code === 'unavailable');
      if (!gone) {
        await this.#failed('stop', sandbox, error, cause);
        throw error;
      }
    }
    await this.#record({ type: 'confirm-sandbox-stopped', namespace, id }, cause);
  }

  async wait(namespace: Namespace, id: SandboxId, signal: AbortSignal): Promise<SandboxEnding> {
    const { ending } = this.#run(namespace, id);
    if (ending !== undefined) return ending;
    const end = this.#ends.get(keyOf({ namespace, id })) ?? this.#shims.wait({ namespace, id });
    const known = await unlessAborted(end, signal);
    if (isRejection(known)) throw known;
    return known;
  }

  async status(namespace: Namespace, id: SandboxId, verbose: boolean) {
    const sandbox = { namespace, id };
    if (!findRun(this.#ledger.durable.world.sandbox.runs, namespace, id)) {
      const none = { pid: 0, state: '', info: {}, address: '', version: 0 };
      return { ...none, exitedAt: this.#clock.now().wall };
    }
    return { ...(await this.#shims.status(sandbox, verbose)), ...this.#shims.endpoint(sandbox) };
  }

  async shutdown(namespace: Namespace, id: SandboxId, { cause }: Asked): Promise<void> {
    const sandbox = { namespace, id };
    await this.#ledger.dispatch([{ type: 'shut-sandbox-down', namespace, id }], cause);
    try {
      await this.#shims.shutdown(sandbox);
    } catch (error) {
      await this.#failed('shutdown', sandbox, error, cause);
      throw error;
    }
    await this.#record({ type: 'confirm-sandbox-shut-down', namespace, id }, cause);
  }

  metrics(namespace: Namespace, id: SandboxId) {
    this.#run(namespace, id);
    return this.#shims.metrics({ namespace, id });
  }

  update(namespace: Namespace, id: SandboxId): void {
    this.#run(namespace, id);
  }

  /** Lets go of shims; sandboxes go on. */
  async close(): Promise<void> {
    this.#closing = true;
    this.#shims.close();
    await Promise.all(this.#ends.values());
  }

  #run(namespace: Namespace, id: SandboxId): SandboxRun {
    const run = findRun(this.#ledger.durable.world.sandbox.runs, namespace, id);
    if (run) return run;
    throw new Rejection('not-found', `sandbox "${id}" in namespace "${namespace}" does not run: not found`);
  }

  async #record(command: Command, cause: Cause): Promise<void> {
    await this.#ledger.dispatch([command], cause);
  }

  #failed(
    action: 'start' | 'stop' | 'shutdown',
    { namespace, id }: SandboxKey,
    error: unknown,
    cause: Cause,
  ) {
    return this.#record({ type: 'fail-sandbox-action', namespace, id, action, error: wordsOf(error) }, cause);
  }

  #watch(sandbox: SandboxKey, cause: Cause): void {
    const key = keyOf(sandbox);
    const end = this.#end(sandbox, cause).finally(() => this.#ends.delete(key));
    this.#ends.set(key, end);
  }

  /** Waits for the end, and records it. */
  async #end(sandbox: SandboxKey, cause: Cause): Promise<SandboxEnding | Rejection> {
    const { namespace, id } = sandbox;
    try {
      const { exitStatus, exitedAt } = await this.#shims.wait(sandbox);
      await this.#record({ type: 'end-sandbox', namespace, id, exitStatus, exitedAt }, cause);
      return { exitStatus, exitedAt };
    } catch (error) {
      const rejection = asRejection(error);
      // The daemon stops, or the sandbox was shut down: nothing was lost.
      const run = findRun(this.#ledger.head.world.sandbox.runs, namespace, id);
      if (!this.#closing && run && rejection.code === 'unavailable')
        await this.#lost(sandbox, rejection, cause);
      return rejection;
    }
  }

  async #lost(sandbox: SandboxKey, { message }: Rejection, cause: Cause): Promise<void> {
    try {
      await this.#purge(sandbox);
      await this.#record({ type: 'lose-sandbox', ...sandbox, because: message }, cause);
    } catch (error) {
      this.#logger.error('the end of a sandbox could not be recorded; the next start tries again', {
        ...sandbox,
        error,
      });
    }
  }

  async #purge(sandbox: SandboxKey): Promise<void> {
    try {
      await this.#shims.purge(sandbox);
    } catch (error) {
      this.#logger.warn('something of a sandbox is left; the next start tries again', { ...sandbox, error });
    }
  }
}

interface Asked {
  readonly cause: Cause;
}

const keyOf = ({ namespace, id }: SandboxKey): string => `${namespace}/${id}`;
const wordsOf = (error: unknown): string => asRejection(error).message.slice(0, errorLimit);

const unlessAborted = <T>(work: Promise<T>, signal: AbortSignal): Promise<T> =>
  new Promise<T>((resolve, reject) => {
    const leave = (): void => reject(new Rejection('cancelled', 'the caller went away'));
    signal.addEventListener('abort', leave, { once: true });
    if (signal.aborted) leave();
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', leave));
  });
