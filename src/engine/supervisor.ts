import type { Subscription } from 'rxjs';
import { findContainer } from '../domain/containers.ts';
import type { Actor } from '../domain/envelope.ts';
import type { Fact } from '../domain/event.ts';
import type { Digest, ExecId } from '../domain/identity.ts';
import { asRejection } from '../domain/rejection.ts';
import { findTask, isClients } from '../domain/tasks.ts';
import type { DomainEvent } from '../domain/world.ts';
import { aftermathOf, bytesLetGo } from '../workflows/aftermath.ts';
import { recordEnd, removeContainer } from '../workflows/container.ts';
import { endDead } from '../workflows/recover-tasks.ts';
import { dispatch, perform, type Workflow } from '../workflows/steps.ts';
import { cleanUp } from '../workflows/task.ts';
import { execsSettled, startSettled } from './ending.ts';
import type { Ledger } from './ledger.ts';
import { following } from './origin.ts';
import type { Cause } from './ports/cause.ts';
import type { Logger } from './ports/logger.ts';
import type { Runtime } from './ports/runtime.ts';
import { type TaskKey, taskKeyOf } from './ports/task-key.ts';
import type { WorkflowRunner } from './workflow-runner.ts';

/**
 * Does what follows from events: waits for the end of every process that was started, records it, frees what the ended
 * one used, and removes bytes that the log has let go of.
 */
export class Supervisor {
  readonly #ledger: Ledger;
  readonly #runner: WorkflowRunner;
  readonly #runtime: Runtime;
  readonly #logger: Logger;
  readonly #actor: Actor;
  readonly #subscriptions: Subscription[] = [];
  readonly #running = new Set<Promise<void>>();
  /** Blobs of the facts that are being told of, whose bytes go. */
  #letGo: Digest[] = [];
  #stopped = false;

  constructor(ledger: Ledger, runner: WorkflowRunner, runtime: Runtime, logger: Logger, actor: Actor) {
    this.#ledger = ledger;
    this.#runner = runner;
    this.#runtime = runtime;
    this.#logger = logger;
    this.#actor = actor;
  }

  start(): void {
    this.#subscriptions.push(
      this.#ledger.recorded.subscribe((fact) => this.#react(fact)),
      this.#runtime.oom.subscribe((task) => {
        const { namespace, id } = task;
        const cause = { actor: this.#actor, correlation: `oom-${id}` };
        this.#background(
          'record an out-of-memory kill',
          dispatch({ type: 'record-oom', namespace, id }),
          cause,
        );
      }),
    );
  }

  /** Stops reacting; what is under way is waited for, but not processes. */
  async stop(): Promise<void> {
    this.#stopped = true;
    for (const subscription of this.#subscriptions) subscription.unsubscribe();
    await Promise.all(this.#running);
  }

  /** Waits for the end of a task that runs already, and of its execs. */
  watch(task: TaskKey, cause: Cause): void {
    this.#awaitExit(task, undefined, cause);
  }

  watchExec(task: TaskKey, execId: ExecId, cause: Cause): void {
    this.#awaitExit(task, execId, cause);
  }

  #react(fact: Fact<DomainEvent>): void {
    const cause = following(this.#actor, fact);
    const letGo = bytesLetGo(fact);
    if (letGo.length > 0) this.#removeBytes(letGo, cause);
    const aftermath = aftermathOf(fact);
    if (aftermath) this.#background(`follow up '${fact.type}'`, aftermath, cause);
    switch (fact.type) {
      case 'task-created':
        // One of a client's may end before it was started: by a signal, or by being deleted.
        if (this.#isClients(fact.data)) this.#awaitExit(fact.data, undefined, cause);
        return;
      case 'task-started':
        if (!this.#isClients(fact.data)) this.#awaitExit(fact.data, undefined, cause);
        return;
      case 'exec-started':
        this.#awaitExit(fact.data, fact.data.execId, cause);
        return;
      case 'exec-exited':
        if (this.#isClients(fact.data)) return;
        this.#background('free an ended exec', perform('end-exec', fact.data), cause);
        return;
      case 'task-exited':
        if (this.#isClients(fact.data)) return;
        this.#free(fact.data, cause);
        return;
      case 'task-lost':
        this.#free(fact.data, cause);
        return;
      case 'task-deleted':
      case 'task-failed': {
        const { namespace, id } = fact.data;
        const container = findContainer(this.#ledger.head.world.container, namespace, id);
        if (container?.removeOnExit) {
          this.#background(
            'remove a container after its exit',
            removeContainer({ namespace, id }, false),
            cause,
          );
        }
        return;
      }
    }
  }

  /** Whether a client frees it itself. */
  #isClients({ namespace, id, execId }: TaskKey & { readonly execId?: ExecId }): boolean {
    const task = findTask(this.#ledger.head.world.task, namespace, id);
    return isClients(execId === undefined ? task : task?.execs[execId]);
  }

  #free(address: TaskKey, cause: Cause): void {
    const task = taskKeyOf(address);
    // One that went with its exit is freed by whoever recorded that.
    if (!findTask(this.#ledger.head.world.task, task.namespace, task.id)) return;
    this.#background('free an ended task', cleanUp(task), cause);
  }

  #awaitExit(address: TaskKey, execId: ExecId | undefined, cause: Cause): void {
    const task = taskKeyOf(address);
    this.#runtime.wait(task, execId).then(
      async (exit) => {
        const { code: exitCode, at: exitedAt } = exit;
        if (execId === undefined) {
          await startSettled(this.#ledger, task);
          await execsSettled(this.#ledger, task);
        }
        const record: Workflow<unknown> =
          execId === undefined
            ? recordEnd(task, exit)
            : dispatch({ type: 'record-exec-exit', ...task, execId, exitCode, exitedAt });
        this.#background('record an exit', record, cause);
      },
      (error: unknown) => this.#waitBroke(task, execId, error, cause),
    );
  }

  /** The shim is gone, or we are going. */
  #waitBroke(task: TaskKey, execId: ExecId | undefined, error: unknown, cause: Cause): void {
    if (this.#stopped) return;
    const because = asRejection(error).message;
    this.#logger.warn('lost sight of a process', { ...task, execId, error });
    const ending: Workflow<unknown> =
      execId === undefined
        ? endDead(task, because)
        : dispatch({ type: 'record-exec-lost', ...task, execId, because });
    this.#background('end a task without a shim', ending, cause);
  }

  /** Removes the bytes of all blobs that one batch of facts tells of at once: a collection lets go of thousands. */
  #removeBytes(digests: readonly Digest[], cause: Cause): void {
    if (this.#stopped) return;
    const first = this.#letGo.length === 0;
    this.#letGo.push(...digests);
    if (!first) return;
    const told = Promise.resolve().then(() => {
      const all = this.#letGo;
      this.#letGo = [];
      return this.#runner.run(perform('remove-blob-bytes', { digests: all }), { cause });
    });
    this.#track("remove blobs' bytes", told);
  }

  #background(what: string, workflow: Workflow<unknown>, cause: Cause): void {
    if (this.#stopped) return;
    this.#track(what, this.#runner.run(workflow, { cause }));
  }

  #track(what: string, work: Promise<unknown>): void {
    const run = work.then(
      () => undefined,
      (error: unknown) => {
        this.#logger.error(`could not ${what}; the next start of the daemon tries again`, { error });
      },
    );
    this.#running.add(run);
    run.finally(() => this.#running.delete(run));
  }
}
