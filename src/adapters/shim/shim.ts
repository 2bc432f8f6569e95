import type { DescMessage, DescMethodUnary, MessageInitShape, MessageShape } from '@bufbuild/protobuf';
import type { Timestamp as WireTimestamp } from '@bufbuild/protobuf/wkt';
import { Timestamp } from '../../domain/identity.ts';
import { asRejection, isRejection, Rejection } from '../../domain/rejection.ts';
import type { Exit, TaskKey } from '../../engine/ports/runtime.ts';
import { turns } from '../../engine/ports/turns.ts';
import { Task } from '../../gen/containerd/task/v2/shim_pb.ts';
import type { Endpoint } from './endpoint.ts';
import type { ShimTimeouts } from './options.ts';
import { connectTask, type TaskClient } from './task-client.ts';

/** How often a lost connection is made again before its shim counts as gone. */
const reconnects = 3;

export const exitOf = (answer: { exitStatus: number; exitedAt?: WireTimestamp | undefined }): Exit => {
  const at = answer.exitedAt;
  const micros = at === undefined ? 0 : Number(at.seconds) * 1_000_000 + Math.floor(at.nanos / 1000);
  return { code: answer.exitStatus & 0xff, at: Timestamp.parse(Math.max(0, micros)) };
};

/**
 * A shim that this daemon talks to, for the one task it holds. The connection is made again when it breaks while the
 * shim lives; waits survive that, other calls fail with `unavailable`, since nobody knows whether they took effect.
 */
export class Shim {
  readonly task: TaskKey;
  readonly bundle: string;
  /**
   * Starts go to a shim one by one. The shim takes a start at a time, and in no order with the exits it has to tell of:
   * where many starts wait inside it (32 at once are enough for containerd's 1.6), exits fill its queue, its reaper waits
   * for that queue, the start under way waits for the reaper, and no call is answered any more.
   */
  readonly inTurn = turns(1);
  readonly #endpoint: Endpoint;
  readonly #timeouts: ShimTimeouts;
  #client: TaskClient;
  readonly #closeLog: () => void;
  readonly #exits = new Map<string, Promise<Exit | Rejection>>();
  #closing = false;

  private constructor(place: ShimPlace, client: TaskClient, closeLog: () => void) {
    this.task = place.task;
    this.bundle = place.bundle;
    this.#endpoint = place.endpoint;
    this.#timeouts = place.timeouts;
    this.#client = client;
    this.#closeLog = closeLog;
  }

  /** @throws Rejection `unavailable`, `deadline-exceeded` */
  static async connect(place: ShimPlace, closeLog: () => void, timeoutMs: number): Promise<Shim> {
    return new Shim(place, await connectTask(targetOf(place), timeoutMs), closeLog);
  }

  call<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    input: MessageInitShape<I>,
    timeoutMs: number = this.#timeouts.call,
  ): Promise<MessageShape<O>> {
    return this.#client.call(method, input, timeoutMs);
  }

  /**
   * The exit of a process; asked for once, however many wait.
   * @param execId empty for the task's own process
   * @throws Rejection `unavailable` when the shim is gone, `not-found`
   */
  async exit(execId: string): Promise<Exit> {
    const settled = await this.watch(execId);
    if (isRejection(settled)) throw settled;
    return settled;
  }

  /** Starts waiting for a process, so that its exit is known without another round trip. Never rejects. */
  watch(execId: string): Promise<Exit | Rejection> {
    const known = this.#exits.get(execId);
    if (known) return known;
    const asked = this.#askExit(execId).then(
      (exit) => exit,
      (error: unknown) => {
        this.#exits.delete(execId);
        return asRejection(error);
      },
    );
    this.#exits.set(execId, asked);
    return asked;
  }

  forget(execId: string): void {
    this.#exits.delete(execId);
  }

  /** @returns whether the connection ended, and so the shim, within the time */
  async gone(timeoutMs: number): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<false>((resolve) => {
      timer = setTimeout(() => resolve(false), timeoutMs);
    });
    const ended = await Promise.race([this.#client.closed.then(() => true), late]);
    clearTimeout(timer);
    return ended;
  }

  /** No wait makes the connection again from now on; the shim goes on. */
  retire(): void {
    this.#closing = true;
  }

  close(): void {
    this.#closing = true;
    this.#client.close();
    this.#closeLog();
  }

  async #askExit(execId: string): Promise<Exit> {
    for (let attempt = 0; ; attempt++) {
      try {
        return exitOf(await this.call(Task.method.wait, { id: this.task.id, execId }, 0));
      } catch (error) {
        const lost = isRejection(error) && error.code === 'unavailable';
        if (!lost || this.#closing || attempt >= reconnects) throw error;
        await this.#reconnect();
      }
    }
  }

  #reconnecting: Promise<void> | undefined;
  #reconnect(): Promise<void> {
    this.#reconnecting ??= (async () => {
      try {
        const place = {
          task: this.task,
          bundle: this.bundle,
          endpoint: this.#endpoint,
          timeouts: this.#timeouts,
        };
        this.#client = await connectTask(targetOf(place), this.#timeouts.connect);
        if (this.#closing) this.#client.close();
      } finally {
        this.#reconnecting = undefined;
      }
    })();
    return this.#reconnecting;
  }
}

export interface ShimPlace {
  readonly task: TaskKey;
  readonly bundle: string;
  readonly endpoint: Endpoint;
  readonly timeouts: ShimTimeouts;
}

const targetOf = (place: ShimPlace) => ({
  endpoint: place.endpoint,
  namespace: place.task.namespace,
  name: `the shim of ${place.task.namespace}/${place.task.id}`,
});

/** `not-found` for a task that this daemon has no shim of. */
export const noTask = (task: TaskKey): Rejection =>
  new Rejection(
    'not-found',
    `task ${task.namespace}/${task.id}: no shim is known; it was deleted or never adopted`,
  );
