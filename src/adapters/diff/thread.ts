import { Worker } from 'node:worker_threads';
import { Rejection } from '../../domain/rejection.ts';
import type { DiffJob, DiffOutcome } from './job.ts';

/** Runs a job in a thread of its own. @returns what came of it; a thread that broke counts as failed */
export const runInThread = (job: DiffJob): Promise<DiffOutcome> =>
  new Promise((resolve) => {
    const worker = new Worker(new URL('./worker.ts', import.meta.url), {
      name: 'diff',
      workerData: job,
      // descriptors are handed in, so the thread must not close what it didn't open
      trackUnmanagedFds: false,
    });
    const broke = (words: string) =>
      resolve({
        kind: 'failed',
        code: 'internal',
        message: `the thread that compared the trees broke: ${words}`,
      });
    worker.once('message', (outcome: DiffOutcome) => resolve(outcome));
    worker.once('error', (error) => broke(error.message));
    worker.once('exit', (code) => broke(`exit ${code}`));
  });

/** Lets so many in at a time; the others wait, in order. */
export const createGate = (places: number, limit: number) => {
  let inside = 0;
  let closed = false;
  const waiting = new Set<{ readonly enter: () => void; readonly refuse: (error: Rejection) => void }>();
  const leave = (): void => {
    inside -= 1;
    const [next] = waiting;
    next?.enter();
  };
  const wait = (signal: AbortSignal | undefined): Promise<void> =>
    new Promise((resolve, reject) => {
      const gone = () => {
        waiting.delete(waiter);
        signal?.removeEventListener('abort', abort);
      };
      const waiter = {
        enter: () => {
          gone();
          inside += 1;
          resolve();
        },
        refuse: (error: Rejection) => {
          gone();
          reject(error);
        },
      };
      const abort = () => waiter.refuse(new Rejection('cancelled', 'cancelled while it waited for its turn'));
      waiting.add(waiter);
      signal?.addEventListener('abort', abort, { once: true });
    });
  return {
    /** @returns what to call when done. @throws Rejection `cancelled`, `resource-exhausted`, `unavailable` (closed) */
    enter: async (signal: AbortSignal | undefined): Promise<() => void> => {
      if (closed) throw new Rejection('unavailable', 'the differ is closed');
      if (signal?.aborted) throw new Rejection('cancelled', 'cancelled', { cause: signal.reason });
      if (inside < places) inside += 1;
      else if (waiting.size < limit) await wait(signal);
      else
        throw new Rejection('resource-exhausted', `${limit} comparisons of trees already wait; retry later`);
      return leave;
    },
    close: (): void => {
      closed = true;
      for (const waiter of [...waiting]) waiter.refuse(new Rejection('unavailable', 'the differ is closed'));
    },
  };
};
