import { Worker } from 'node:worker_threads';
import { Rejection } from '../../domain/rejection.ts';
import type { UnpackJob, UnpackOutcome, WorkerMessage } from './job.ts';

/** Calls that may wait for a thread. */
const WAITING = 1024;
/** A thread without work for so long is let go, and its memory with it. */
const IDLE_MS = 2_000;

/** A thread while someone holds it. */
export interface HeldThread {
  /** One job at a time. @throws Rejection `internal` when the thread breaks, `unavailable` when the pool is closed */
  run(job: UnpackJob, progress: (bytesRead: number) => void): Promise<UnpackOutcome>;
  /** Gives the thread back. */
  release(): void;
}

export interface WorkerPool {
  /** Waits for a free thread, no longer than until the signal. @throws Rejection `cancelled`, `resource-exhausted` (too many wait), `unavailable` (closed) */
  hold(signal?: AbortSignal): Promise<HeldThread>;
  close(): Promise<void>;
}

interface Thread {
  readonly worker: Worker;
  idle: NodeJS.Timeout | undefined;
  broken: Error | undefined;
  /** Ends the wait of whoever runs a job on it. */
  fail: ((error: Error) => void) | undefined;
  take: ((message: WorkerMessage) => void) | undefined;
}

interface Waiter {
  readonly serve: () => void;
  readonly refuse: (error: Rejection) => void;
}

const closedError = () => new Rejection('unavailable', 'the unpacker is closed');

const startThread = (ended: (thread: Thread) => void): Thread => {
  const worker = new Worker(new URL('./worker.ts', import.meta.url), {
    name: 'unpack',
    // descriptors are handed in and out, so the thread must not close what it didn't open
    trackUnmanagedFds: false,
  });
  const thread: Thread = { worker, idle: undefined, broken: undefined, fail: undefined, take: undefined };
  const breakWith = (words: string) => {
    thread.broken ??= new Rejection('internal', `the thread that unpacked a layer broke: ${words}`);
    clearTimeout(thread.idle);
    thread.fail?.(thread.broken);
    ended(thread);
  };
  worker.on('message', (message: WorkerMessage) => thread.take?.(message));
  worker.on('error', (error) => breakWith(error.message));
  worker.on('exit', (code) => breakWith(`exit ${code}`));
  return thread;
};

const runOn = (
  thread: Thread,
  job: UnpackJob,
  progress: (bytesRead: number) => void,
): Promise<UnpackOutcome> =>
  new Promise((resolve, reject) => {
    if (thread.broken !== undefined) {
      reject(thread.broken);
      return;
    }
    thread.fail = reject;
    thread.take = (message) => {
      if (message.kind === 'progress') progress(message.bytesRead);
      else resolve(message.outcome);
    };
    thread.worker.postMessage(job);
  });

/** At most `size` threads, started when there is work. Idle ones don't keep the process alive. */
export const createWorkerPool = (size: number): WorkerPool => {
  const free: Thread[] = [];
  const held = new Set<Thread>();
  const waiting = new Set<Waiter>();
  let closed = false;

  const forget = (thread: Thread): void => {
    const index = free.indexOf(thread);
    if (index >= 0) free.splice(index, 1);
  };
  const retire = (thread: Thread): void => {
    forget(thread);
    // its end is told by its exit event
    void thread.worker.terminate();
  };
  const release = (thread: Thread): void => {
    if (!held.delete(thread)) return;
    thread.fail = undefined;
    thread.take = undefined;
    if (thread.broken === undefined && !closed) {
      thread.worker.unref();
      thread.idle = setTimeout(() => retire(thread), IDLE_MS).unref();
      free.push(thread);
    }
    const [next] = waiting;
    next?.serve();
  };
  const takeOne = (): HeldThread => {
    const thread = free.pop() ?? startThread(forget);
    clearTimeout(thread.idle);
    thread.worker.ref();
    held.add(thread);
    return { run: (job, progress) => runOn(thread, job, progress), release: () => release(thread) };
  };

  const wait = (signal: AbortSignal | undefined): Promise<HeldThread> =>
    new Promise((resolve, reject) => {
      const leave = () => {
        waiting.delete(waiter);
        signal?.removeEventListener('abort', abort);
      };
      const refuse = (error: Rejection) => {
        leave();
        reject(error);
      };
      const abort = () =>
        refuse(
          new Rejection('cancelled', 'cancelled while it waited for a thread', { cause: signal?.reason }),
        );
      const serve = () => {
        leave();
        resolve(takeOne());
      };
      const waiter = { serve, refuse };
      waiting.add(waiter);
      signal?.addEventListener('abort', abort, { once: true });
    });

  return {
    hold: async (signal) => {
      if (closed) throw closedError();
      if (held.size < size) return takeOne();
      if (waiting.size >= WAITING) {
        throw new Rejection(
          'resource-exhausted',
          `${WAITING} layers already wait to be unpacked; retry later`,
        );
      }
      return wait(signal);
    },
    close: async () => {
      closed = true;
      for (const waiter of [...waiting]) waiter.refuse(closedError());
      const threads = [...free.splice(0), ...held];
      for (const thread of held) thread.broken ??= closedError();
      await Promise.all(threads.map(({ worker }) => worker.terminate()));
    },
  };
};
