import { Worker } from 'node:worker_threads';
import { Rejection } from '../../domain/rejection.ts';

/** A file that is still there. */
export interface Unremoved {
  readonly path: string;
  readonly code: string | undefined;
  readonly message: string;
}

/** How long the thread stays after its last work (milliseconds). */
const idleMs = 1000;

/**
 * A thread that removes many files, one after the other, and ends when it was idle for a while. It takes a quarter of the
 * processor time that calls of the main thread take, each of which is handed to another thread and back.
 */
export class RemovalThread {
  #worker: Worker | undefined;
  #idle: NodeJS.Timeout | undefined;

  /** Calls must not overlap. @returns what could not be removed. @throws Rejection `internal` when the thread breaks */
  async remove(paths: readonly string[]): Promise<readonly Unremoved[]> {
    clearTimeout(this.#idle);
    this.#worker ??= new Worker(new URL('./remove-worker.ts', import.meta.url), { name: 'remove-blobs' });
    const worker = this.#worker;
    worker.ref();
    try {
      return await answerOf(worker, paths);
    } catch (error) {
      this.#worker = undefined;
      throw error;
    } finally {
      worker.unref();
      this.#idle = setTimeout(() => this.#end(), idleMs).unref();
    }
  }

  #end(): void {
    // Nothing is left to do in it, so that its end is of no interest.
    void this.#worker?.terminate();
    this.#worker = undefined;
  }
}

const answerOf = (worker: Worker, paths: readonly string[]): Promise<readonly Unremoved[]> =>
  new Promise((resolve, reject) => {
    const fail = (words: string): void => {
      settle();
      reject(new Rejection('internal', `the thread that removes blobs broke: ${words}`));
    };
    const take = (unremoved: readonly Unremoved[]): void => {
      settle();
      resolve(unremoved);
    };
    const failed = (error: Error): void => fail(error.message);
    const ended = (exit: number): void => fail(`exit ${exit}`);
    const settle = (): void => {
      worker.off('message', take).off('error', failed).off('exit', ended);
    };
    worker.on('message', take).on('error', failed).on('exit', ended);
    worker.postMessage(paths);
  });
