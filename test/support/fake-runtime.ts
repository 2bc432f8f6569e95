import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { NEVER } from 'rxjs';
import { Timestamp } from '../../src/domain/identity.ts';
import { Rejection } from '../../src/domain/rejection.ts';
import type { Ledger } from '../../src/engine/ledger.ts';
import type { Removals } from '../../src/engine/performers/removals.ts';
import { performersOf } from '../../src/engine/performers.ts';
import type { Ports } from '../../src/engine/ports/ports.ts';
import type { ClientTask, Exit, Runtime, TaskKey } from '../../src/engine/ports/runtime.ts';
import { WorkflowRunner } from '../../src/engine/workflow-runner.ts';

interface Process {
  readonly pid: number;
  readonly exit: Promise<Exit>;
  end(code: number): void;
}

const at = Timestamp.parse(1_795_000_000_000_000);

/** Processes that exist in memory only: they run until a test or a signal ends them. */
export class FakeRuntime {
  /** What was asked, in order. */
  readonly asked: unknown[] = [];
  readonly orders: ClientTask[] = [];
  /** What lay in the images that tasks went on from. */
  readonly restored: string[] = [];
  /** Refuses the next create or start. */
  refusal: Error | undefined;
  readonly #processes = new Map<string, Process>();
  #pid = 100;

  end(name: string, code: number): void {
    this.#of(name).end(code);
  }

  readonly port: Partial<Runtime> = {
    oom: NEVER,
    createOrdered: async (request) => {
      this.orders.push(request);
      const { images } = request;
      if (images !== undefined) this.restored.push(readFileSync(join(images, 'pages-1.img'), 'utf8'));
      this.#refuse();
      return this.#make(keyOf(request.task));
    },
    start: async (task) => {
      this.#refuse();
      return { pid: this.#of(keyOf(task)).pid };
    },
    execOrdered: async (task, execId, order) => {
      this.asked.push({ exec: execId, order });
      this.#refuse();
      this.#make(keyOf(task, execId));
    },
    startExec: async (task, execId) => {
      this.#refuse();
      return { pid: this.#of(keyOf(task, execId)).pid };
    },
    wait: (task, execId) => this.#of(keyOf(task, execId)).exit,
    signal: async (task, signal, { execId, all } = {}) => {
      this.asked.push({ signal, all });
      this.#of(keyOf(task, execId)).end(128 + signal);
    },
    pause: async () => undefined,
    resume: async () => undefined,
    resize: async (_, size) => void this.asked.push(size),
    closeStdin: async () => void this.asked.push('closed'),
    checkpoint: async ({ id }, folder, options) => {
      this.asked.push({ checkpoint: id, options });
      this.#refuse();
      writeFileSync(join(folder, 'pages-1.img'), `memory of ${id}`);
    },
    updateOrdered: async (_, resources, annotations) => void this.asked.push({ resources, annotations }),
    processes: async () => [{ pid: 7 }, { pid: 8, info: { typeUrl: 'details', base64: 'AQI=' } }],
    stats: async ({ id }) => {
      if (id === 'mute') throw new Rejection('unavailable', 'no answer');
      return { typeUrl: 'io.containerd.cgroups.v1.Metrics', base64: 'AQI=' };
    },
    delete: async (task, execId) => void this.#processes.delete(keyOf(task, execId)),
    purge: async (task) => {
      this.#processes.delete(keyOf(task));
      return undefined;
    },
  };

  /** Carries out what workflows ask of processes, and of these ports. */
  runner(ledger: Ledger, more: Partial<Ports> = {}, removals?: Removals): WorkflowRunner {
    const ports = {
      runtime: this.port,
      stdio: { drained: async () => undefined, list: async () => [], close: async () => undefined },
      mounter: { unmount: async () => undefined },
      containerFiles: { remove: async () => undefined },
      host: { rootOf: () => '/nowhere' },
      ...more,
    } as unknown as Ports;
    return new WorkflowRunner(ledger, performersOf(ports, ledger, removals));
  }

  #refuse(): void {
    const { refusal } = this;
    this.refusal = undefined;
    if (refusal) throw refusal;
  }

  #make(name: string): { pid: number } {
    this.#pid += 1;
    let end = (_: number) => {};
    const exit = new Promise<Exit>((resolve) => {
      end = (code) => resolve({ code, at });
    });
    this.#processes.set(name, { pid: this.#pid, exit, end });
    return { pid: this.#pid };
  }

  #of(name: string): Process {
    const found = this.#processes.get(name);
    if (found) return found;
    throw new Rejection('not-found', `${name} is not there`);
  }
}

const keyOf = ({ id }: TaskKey, execId?: string): string => (execId === undefined ? id : `${id}/${execId}`);
