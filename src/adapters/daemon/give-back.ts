import { trimMalloc } from '../syscalls/malloc.ts';
import { dropProgramText } from './program-text.ts';

/** Milliseconds between two looks. */
const EVERY = 2000;
/** Processor time between two looks, of all threads, up to which a daemon is quiet: a twentieth. Microseconds. */
const QUIET = 100_000;
/** Work that leaves something worth giving back, once it is over. Microseconds of processor time. */
const WORK = 300_000;
/** The same amid work that does not end. */
const LONG_WORK = 1_000_000;

/** What is to be given back now. */
export interface Due {
  /** Free memory of the C library: what lies between pieces in use stays with the process otherwise. */
  readonly heap: boolean;
  /** Code that the work ran, which what comes next may not run. */
  readonly code: boolean;
}

/** Tells by the processor time of a daemon when it is to give memory back. A start counts as work. */
export class WorkMeter {
  #seen = 0;
  #sinceHeap = WORK;
  #sinceCode = WORK;

  /** @param used processor time of the process so far, of all its threads, in microseconds */
  look(used: number): Due {
    const spent = used - this.#seen;
    this.#seen = used;
    this.#sinceHeap += spent;
    this.#sinceCode += spent;
    const quiet = spent <= QUIET;
    const due = {
      heap: this.#sinceHeap >= (quiet ? WORK : LONG_WORK),
      code: quiet && this.#sinceCode >= WORK,
    };
    if (due.heap) this.#sinceHeap = 0;
    if (due.code) this.#sinceCode = 0;
    return due;
  }
}

/**
 * Has the process give memory back for as long as it runs: all that it can when work is over, and the C library's also while
 * work goes on.
 * @param failed told of what can't be given back, once; no more is tried then
 */
export const giveMemoryBack = (failed: (error: unknown) => void): void => {
  const meter = new WorkMeter();
  const timer = setInterval(() => {
    const { user, system } = process.cpuUsage();
    const { heap, code } = meter.look(user + system);
    try {
      if (heap) trimMalloc();
      if (code) dropProgramText();
    } catch (error) {
      clearInterval(timer);
      failed(error);
    }
  }, EVERY).unref();
};
