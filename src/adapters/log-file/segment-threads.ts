import { Worker } from 'node:worker_threads';
import { Rejection } from '../../domain/rejection.ts';
import type { SegmentFindings, SegmentJob } from './segment-check.ts';

/** From a thread that checks segments. `failed` is an error of the file system. */
export type CheckMessage =
  | { readonly kind: 'progress'; readonly bytes: number; readonly events: number }
  | { readonly kind: 'found'; readonly findings: SegmentFindings }
  | { readonly kind: 'failed'; readonly message: string; readonly code: string | undefined };

interface Thread {
  readonly worker: Worker;
  /** What it was given last, and everything before that. */
  done: Promise<unknown>;
}

/** A few threads that check segments. Each does one after the other; the next goes to the one that was asked longest ago. */
export class SegmentThreads {
  readonly #threads: Thread[];
  readonly #progress: (bytes: number, events: number) => void;
  #given = 0;

  constructor(count: number, progress: (bytes: number, events: number) => void) {
    this.#progress = progress;
    this.#threads = Array.from({ length: count }, () => ({
      worker: new Worker(new URL('./verify-worker.ts', import.meta.url), { name: 'log-verify' }),
      done: Promise.resolve(),
    }));
  }

  /** @throws errors of the file system; Rejection `internal` when the thread breaks */
  check(job: SegmentJob): Promise<SegmentFindings> {
    const thread = this.#threads[this.#given % this.#threads.length];
    if (thread === undefined) throw new Error('there is at least one thread');
    this.#given += 1;
    const found = thread.done.then(() => this.#run(thread.worker, job));
    thread.done = found.then(
      () => undefined,
      () => undefined,
    );
    return found;
  }

  async close(): Promise<void> {
    await Promise.all(this.#threads.map(({ worker }) => worker.terminate()));
  }

  #run(worker: Worker, job: SegmentJob): Promise<SegmentFindings> {
    return new Promise((resolve, reject) => {
      const take = (message: CheckMessage): void => {
        if (message.kind === 'progress') {
          this.#progress(message.bytes, message.events);
          return;
        }
        settle();
        if (message.kind === 'found') resolve(message.findings);
        else reject(Object.assign(new Error(message.message), { code: message.code }));
      };
      const fail = (words: string): void => {
        settle();
        reject(new Rejection('internal', `Checking ${job.path}: the thread that read it broke: ${words}.`));
      };
      const failed = (error: Error): void => fail(error.message);
      const ended = (exit: number): void => fail(`exit ${exit}`);
      const settle = (): void => {
        worker.off('message', take).off('error', failed).off('exit', ended);
      };
      worker.on('message', take).on('error', failed).on('exit', ended);
      worker.postMessage(job);
    });
  }
}
