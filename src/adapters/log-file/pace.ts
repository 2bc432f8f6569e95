const { eventLoopUtilization } = performance;

/**
 * What appenders wait for: the processor or the disk. It tells which way of sharing writes gets more of them done. While
 * those whom a write woke encode again, the disk may as well work on what there is already, unless it is so slow that
 * fewer and larger writes are better.
 */
export class Pace {
  #since = eventLoopUtilization();
  #diskBound = false;

  /** Whether the event loop was idle for most of the time from one write's end to the next. */
  get diskBound(): boolean {
    return this.#diskBound;
  }

  /** To be called at the end of each write. */
  note(): void {
    const now = eventLoopUtilization();
    this.#diskBound = eventLoopUtilization(now, this.#since).utilization < 0.5;
    this.#since = now;
  }
}
