import type { Actor } from '../domain/envelope.ts';
import type { Fact } from '../domain/event.ts';
import type { Timestamp } from '../domain/identity.ts';
import type { DomainEvent } from '../domain/world.ts';
import { collectable, removalCommands } from '../projections/gc.ts';
import { leavesGarbage } from '../workflows/aftermath.ts';
import type { Ledger } from './ledger.ts';
import type { Cause } from './ports/cause.ts';
import type { Clock, Names } from './ports/clock.ts';
import type { Logger } from './ports/logger.ts';

export interface CollectorOptions {
  readonly actor: Actor;
  /** Milliseconds between the event that left garbage and the run that takes it. */
  readonly delay: number;
  /** Milliseconds between runs that end expired leases. */
  readonly interval: number;
}

/** Things removed in one batch: writers wait no longer than such a batch takes. */
const batchSize = 500;
/** Unfinished writes that no lease holds are given up after this (microseconds). */
export const ingestAge = 24 * 3600 * 1e6;

/** Takes what nothing references, soon after it became so. */
export class Collector {
  readonly #ledger: Ledger;
  readonly #clock: Clock;
  readonly #names: Names;
  readonly #logger: Logger;
  readonly #options: CollectorOptions;
  #scheduled: NodeJS.Timeout | undefined;
  #interval: NodeJS.Timeout | undefined;
  #watch: { unsubscribe(): void } | undefined;

  constructor(ledger: Ledger, clock: Clock, names: Names, logger: Logger, options: CollectorOptions) {
    this.#ledger = ledger;
    this.#clock = clock;
    this.#names = names;
    this.#logger = logger;
    this.#options = options;
  }

  start(): void {
    this.#watch = this.#ledger.recorded.subscribe((fact) => {
      if (leavesGarbage(fact)) this.#schedule(fact);
    });
    this.#interval = setInterval(() => this.#background(), this.#options.interval).unref();
    this.#background();
  }

  stop(): void {
    this.#watch?.unsubscribe();
    clearInterval(this.#interval);
    clearTimeout(this.#scheduled);
  }

  /** Collects until nothing is left. @returns the removals, in order */
  async collect(cause: Cause): Promise<readonly Fact<DomainEvent>[]> {
    const removed: Fact<DomainEvent>[] = [];
    const { wall } = this.#clock.now();
    await this.#ledger.dispatch([{ type: 'expire-leases', now: wall }], cause);
    for (;;) {
      // Found and decided in one turn: nothing can come to need what was just found to be free.
      const garbage = collectable(this.#ledger.head.references, {
        limit: batchSize,
        ingestsBefore: (wall - ingestAge) as Timestamp,
        now: wall,
      });
      if (garbage.length === 0) return removed;
      removed.push(...(await this.#ledger.dispatch(removalCommands(garbage), cause)));
    }
  }

  #schedule(fact: Fact<DomainEvent>): void {
    if (this.#scheduled !== undefined) return;
    const { actor, delay } = this.#options;
    const cause = { actor, correlation: fact.meta.correlation, causation: fact.position };
    this.#scheduled = setTimeout(() => {
      this.#scheduled = undefined;
      this.#background(cause);
    }, delay).unref();
  }

  #background(cause: Cause = { actor: this.#options.actor, correlation: this.#names.sortable() }): void {
    this.collect(cause).catch((error: unknown) => {
      this.#logger.warn('collecting garbage failed; it is tried again after the next removal', { error });
    });
  }
}
