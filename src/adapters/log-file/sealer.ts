import { Worker } from 'node:worker_threads';
import { Rejection } from '../../domain/rejection.ts';
import type { SealedMessage, SealMessage } from './seal.ts';

/** Less is sealed sooner than it is handed over. */
const APART_BYTES = 24 * 1024;
/** Writes of that size, one soon after the other, before a thread is started: a burst alone is not worth its memory. */
const LARGE_WRITES = 32;
/** A thread without work for so long is let go, and its memory with it. */
const IDLE_MS = 10_000;

interface Job {
  resolve(sealed: SealedMessage): void;
  reject(reason: Rejection): void;
}

/**
 * Seals groups on a thread of its own while much is written, so that hashing does not take the turns of the event loop
 * that encoding needs. One job at a time. Memory is handed over and back, not copied.
 */
export class Sealer {
  #worker: Worker | undefined;
  #online = false;
  #large = 0;
  #job: Job | undefined;
  #idle: NodeJS.Timeout | undefined;
  /** What broke the thread while nobody waited for it; the next job is refused with it. */
  #failure: Rejection | undefined;

  /** Whether these many bytes are to be sealed here. Called once for each write, since it counts them. */
  takes(bytes: number): boolean {
    if (bytes < APART_BYTES) {
      this.#large = Math.max(0, this.#large - 1);
      return false;
    }
    this.#large += 1;
    if (this.#failure !== undefined) return true;
    if (this.#worker === undefined && this.#large >= LARGE_WRITES) this.#start();
    return this.#online;
  }

  /** @throws Rejection `unavailable` when the thread breaks; what it was handed is lost then */
  seal(message: SealMessage): Promise<SealedMessage> {
    const worker = this.#worker;
    const failure = this.#failure;
    this.#failure = undefined;
    if (worker === undefined || failure !== undefined) {
      return Promise.reject(failure ?? broken('it is not running'));
    }
    clearTimeout(this.#idle);
    return new Promise((resolve, reject) => {
      this.#job = { resolve, reject };
      // Whoever waits for an append keeps the process; a thread without work does not.
      worker.ref();
      worker.postMessage(message, [message.memory]);
    });
  }

  async close(): Promise<void> {
    clearTimeout(this.#idle);
    const worker = this.#worker;
    this.#forget();
    await worker?.terminate();
  }

  #start(): void {
    const worker = new Worker(new URL('./seal-worker.ts', import.meta.url), { name: 'log-seal' });
    this.#worker = worker;
    worker.unref();
    worker.on('online', () => {
      this.#online = this.#worker === worker;
    });
    worker.on('message', (message: SealedMessage) => this.#take(message));
    const end = (words: string) => {
      if (this.#worker === worker) this.#break(words);
    };
    worker.on('error', (error) => end(error.message));
    worker.on('exit', (code) => end(`exit ${code}`));
  }

  #take(sealed: SealedMessage): void {
    const job = this.#job;
    this.#job = undefined;
    this.#worker?.unref();
    this.#idle = setTimeout(() => {
      const worker = this.#worker;
      this.#forget();
      // Its end has nobody left to tell.
      void worker?.terminate();
    }, IDLE_MS);
    this.#idle.unref();
    job?.resolve(sealed);
  }

  #break(words: string): void {
    const job = this.#job;
    this.#forget();
    const reason = broken(words);
    if (job === undefined) this.#failure = reason;
    else job.reject(reason);
  }

  #forget(): void {
    this.#worker = undefined;
    this.#online = false;
    this.#job = undefined;
    this.#large = 0;
  }
}

const broken = (words: string): Rejection =>
  new Rejection(
    'unavailable',
    `Appending: the thread that hashes events broke: ${words}. Try again; nothing acknowledged is lost.`,
  );
