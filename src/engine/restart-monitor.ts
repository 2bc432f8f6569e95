import { jsonOf } from '../domain/any-value.ts';
import type { ClientOrder } from '../domain/client-order.ts';
import type { Actor } from '../domain/envelope.ts';
import { type Labels, type Namespace, SnapshotKey } from '../domain/identity.ts';
import { isRejection } from '../domain/rejection.ts';
import { findTask } from '../domain/tasks.ts';
import { type Restart, restartLabels, restartOf } from '../projections/restarts.ts';
import type { Ledger } from './ledger.ts';
import type { Names } from './ports/clock.ts';
import type { Logger } from './ports/logger.ts';
import type { StoreCall } from './ports/store/call.ts';
import type { ContainerRecord } from './ports/store/containers.ts';
import type { Store } from './ports/store/store.ts';
import type { ProcessName, ProcessState } from './ports/store/tasks.ts';
import { turn } from './turn.ts';

export interface RestartMonitorOptions {
  readonly actor: Actor;
  /** Milliseconds from one look at the containers to the next. */
  readonly interval: number;
}

/** Containers that are started or stopped at the same time. */
const atOnce = 16;
/** Containers looked at before others get their turn: the first look after a start reads each from text. */
const slice = 64;
const SIGKILL = 9;

type Parts = Pick<Store, 'containers' | 'tasks' | 'snapshots'>;

/**
 * Keeps tasks of clients' containers as their restart labels say: looks at all of them now and then, and starts what should
 * run and stops what should not, by the verbs that clients have. What it wants is in the labels, so in the log: it needs no
 * memory of its own, and goes on after a restart of the daemon.
 */
export class RestartMonitor {
  readonly #ledger: Ledger;
  readonly #store: Parts;
  readonly #names: Names;
  readonly #logger: Logger;
  readonly #options: RestartMonitorOptions;
  readonly #stopping = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #look: Promise<void> | undefined;

  constructor(ledger: Ledger, store: Parts, names: Names, logger: Logger, options: RestartMonitorOptions) {
    this.#ledger = ledger;
    this.#store = store;
    this.#names = names;
    this.#logger = logger;
    this.#options = options;
  }

  /** Looks at once, and then again and again; a look begins when the one before has ended. */
  start(): void {
    this.#look = this.look().finally(() => {
      if (this.#stopping.signal.aborted) return;
      this.#timer = setTimeout(() => this.start(), this.#options.interval).unref();
    });
  }

  /** Begins nothing more, and waits for what is under way. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    clearTimeout(this.#timer);
    await this.#look;
  }

  /** Looks once at every container. Resolves when what came of it is done; what fails is told in the log of the daemon. */
  async look(): Promise<void> {
    const due = this.#due();
    const hand = async () => {
      for await (const item of due) {
        if (this.#stopping.signal.aborted) return;
        await this.#settle(item.namespace, item.container, item.restart);
      }
    };
    await Promise.all(Array.from({ length: atOnce }, hand));
  }

  async *#due(): AsyncGenerator<{ namespace: Namespace; container: ContainerRecord; restart: Restart }> {
    const { world } = this.#ledger.durable;
    let looked = 0;
    for (const { namespace, id, made, labels } of world.container.byId.values()) {
      looked += 1;
      if (looked % slice === 0) await turn();
      if (made !== 'client' || labels[restartLabels.status] === undefined) continue;
      // One that its client is making is not there yet, and not to be made again.
      if (findTask(world.task, namespace, id)?.state.status === 'creating') continue;
      const restart = restartOf(labels, stateOf(this.#task({ namespace, id })));
      if (restart) yield { namespace, container: this.#store.containers.get(namespace, id), restart };
    }
  }

  async #settle(namespace: Namespace, container: ContainerRecord, restart: Restart): Promise<void> {
    const { id } = container;
    const fields = { namespace, container: id, because: restart.because };
    if (restart.act === 'complain') {
      this.#logger.warn('the restart labels of a container are not understood', fields);
      return;
    }
    const { actor } = this.#options;
    const cause = { actor, correlation: this.#names.sortable(), reason: restart.because };
    const call: StoreCall = { cause, signal: this.#stopping.signal };
    const task = { namespace, id };
    try {
      if (restart.act === 'start') await this.#start(namespace, container, restart.count, call);
      else await this.#stop(task, call);
      this.#logger.info(
        restart.act === 'start' ? 'started a container again' : 'stopped a container',
        fields,
      );
    } catch (error) {
      if (this.#stopping.signal.aborted) return;
      this.#logger.warn(`could not ${restart.act} a container as its labels say; it is tried again`, {
        ...fields,
        error,
      });
    }
  }

  async #start(
    namespace: Namespace,
    container: ContainerRecord,
    count: number,
    call: StoreCall,
  ): Promise<void> {
    const { tasks, containers, snapshots } = this.#store;
    const { id, labels, snapshotter, snapshotKey } = container;
    const task = { namespace, id };
    if (this.#task(task) !== undefined) await tasks.delete(task, call);
    const counted = { [restartLabels.count]: String(count) };
    await containers.update(namespace, id, { labels: { labels: counted, replace: false } }, call);
    const mounts =
      snapshotKey === ''
        ? []
        : await snapshots.snapshotter(snapshotter).mounts(namespace, SnapshotKey.parse(snapshotKey), call);
    const rootfs = mounts.map(({ type, source, options }) => ({
      type,
      source,
      target: '',
      options: [...options],
    }));
    await tasks.create(namespace, id, { ...streamsOf(labels, container), rootfs }, call);
    await tasks.start(task, call);
  }

  async #stop(task: ProcessName, call: StoreCall): Promise<void> {
    const { tasks } = this.#store;
    const ended = tasks.wait(task, call);
    try {
      await tasks.kill(task, SIGKILL, true, call);
      await ended;
    } catch (error) {
      // It ended by itself meanwhile. Nobody waits any more.
      ended.catch(() => undefined);
      if (!isRejection(error) || error.code !== 'not-found') throw error;
    }
    await tasks.delete(task, call);
  }

  #task(task: ProcessName): ProcessState | undefined {
    try {
      return this.#store.tasks.get(task);
    } catch (error) {
      if (isRejection(error) && error.code === 'not-found') return undefined;
      throw error;
    }
  }
}

const stateOf = (task: ProcessState | undefined) =>
  task && { status: task.status, ...(task.exit ? { exitStatus: task.exit.status } : {}) };

/** Without a label output goes nowhere: whoever made the first task has gone, and its fifos with it. */
const nowhere = 'file:///dev/null';

const streamsOf = (
  labels: Labels,
  { spec }: ContainerRecord,
): Pick<ClientOrder, 'stdin' | 'stdout' | 'stderr' | 'terminal'> => {
  const path = labels[restartLabels.logPath] ?? '';
  const uri = labels[restartLabels.logUri] || (path === '' ? nowhere : `file://${path}`);
  // A process with a terminal has one output, whoever reads it.
  const terminal = hasTerminal(jsonOf(spec));
  return { stdin: '', stdout: uri, stderr: terminal ? '' : uri, terminal };
};

const hasTerminal = (spec: unknown): boolean => {
  if (typeof spec !== 'object' || spec === null || !('process' in spec)) return false;
  const { process } = spec;
  return (
    typeof process === 'object' && process !== null && 'terminal' in process && process.terminal === true
  );
};
