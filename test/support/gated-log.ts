import { Observable } from 'rxjs';
import { memoryLog } from '../../src/adapters/log-memory/memory-log.ts';
import { type Position, position } from '../../src/domain/identity.ts';
import { Rejection } from '../../src/domain/rejection.ts';
import type { Log } from '../../src/engine/ports/log.ts';

interface Waiting {
  readonly events: Parameters<Log['append']>[0];
  readonly at: Position;
  readonly resolve: (head: Position) => void;
  readonly reject: (error: unknown) => void;
}

/** A log whose appends become durable, fail, or are refused when a test says so. */
export interface GatedLog extends Log {
  /** Makes what waits durable, in order; only so many batches where a number is given. */
  flush(batches?: number): Promise<void>;
  /** Fails everything that waits, as a disk that is full. */
  fail(): void;
  /** Refuses the next append at once. */
  refuseNext(): void;
}

/** @param inner what is durable already; empty when absent */
export const gatedLog = (inner: Log = memoryLog()): GatedLog => {
  let waiting: Waiting[] = [];
  let settling: { until: Position; resolve: () => void; reject: (error: unknown) => void }[] = [];
  let head = inner.head;
  let refusing = false;
  const settle = () => {
    const due = settling.filter(({ until }) => until <= inner.durable);
    settling = settling.filter(({ until }) => until > inner.durable);
    for (const { resolve } of due) resolve();
  };
  return {
    get head() {
      return head;
    },
    get durable() {
      return inner.durable;
    },
    get horizon() {
      return inner.horizon;
    },
    append(events, expected) {
      if (refusing) {
        refusing = false;
        return Promise.reject(new Rejection('resource-exhausted', 'too much waits to be written'));
      }
      if (expected !== head)
        return Promise.reject(new Rejection('aborted', `the log is at ${head}, not ${expected}`));
      head = position(head + BigInt(events.length));
      const at = expected;
      return new Promise((resolve, reject) => waiting.push({ events, at, resolve, reject }));
    },
    read: (range) => inner.read(range),
    subscribe: (from) => new Observable((subscriber) => inner.subscribe(from).subscribe(subscriber)),
    settled: (until) =>
      until <= inner.durable
        ? Promise.resolve()
        : new Promise((resolve, reject) => settling.push({ until, resolve, reject })),
    close: () => inner.close(),
    flush: async (batches = waiting.length) => {
      for (const { events, at, resolve } of waiting.splice(0, batches)) {
        resolve(await inner.append(events, at));
        settle();
      }
      await new Promise((resolve) => setImmediate(resolve));
    },
    fail: () => {
      const error = new Rejection('resource-exhausted', 'the disk is full');
      head = inner.durable;
      const failed = waiting;
      waiting = [];
      for (const { reject } of failed) reject(error);
      for (const { reject } of settling.splice(0)) reject(error);
    },
    refuseNext: () => {
      refusing = true;
    },
  };
};
