import { setTimeout as sleep } from 'node:timers/promises';
import type { Rejection } from '../../domain/rejection.ts';
import type { Logger } from '../../engine/ports/logger.ts';
import { type Failure, failureOf, rejectionOf } from './failure.ts';
import { pauseBefore } from './limits.ts';

/** Trying again until it works, makes no sense, or has taken too long. */
export class Patience {
  readonly #asked: string;
  readonly #giveUpAfterMs: number;
  readonly #logger: Logger | undefined;
  #since = performance.now();
  #attempts = 0;

  /** @param asked what is being done, as the beginning of a sentence */
  constructor(asked: string, giveUpAfterMs: number, logger?: Logger) {
    this.#asked = asked;
    this.#giveUpAfterMs = giveUpAfterMs;
    this.#logger = logger;
  }

  /** There was progress: time counts from here. */
  renew(): void {
    this.#since = performance.now();
    this.#attempts = 0;
  }

  /** Waits before the next try. @throws Rejection when there is to be none */
  async next(error: unknown): Promise<void> {
    const failure = failureOf(error);
    const waited = performance.now() - this.#since;
    if (!failure.passing || waited >= this.#giveUpAfterMs) throw this.#end(failure, error, waited);
    this.#attempts += 1;
    const pause = Math.min(pauseBefore(this.#attempts), this.#giveUpAfterMs - waited);
    this.#logger?.warn('KurrentDB did not answer; trying again', { asked: this.#asked, pause, error });
    await sleep(pause);
  }

  #end(failure: Failure, error: unknown, waited: number): Rejection {
    const asked = failure.passing ? `${this.#asked} (tried for ${Math.round(waited / 1000)} s)` : this.#asked;
    return rejectionOf(asked, failure, error);
  }
}
