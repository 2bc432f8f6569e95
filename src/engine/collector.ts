import type { Actor } from '../domain/envelope.ts';
import type { Fact } from '../domain/event.ts';
import type { Timestamp } from '../domain/identity.ts';
import type { DomainEvent } from '../domain/world.ts';
import { collectable, removalCommands } from '../projections/gc.ts';
import { leavesGarbage } from '../workflows/aftermath.ts';
import { LeaseExpiries } from './lease-expiries.ts';
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

/** Blobs removed in one batch, between which others have their turn: they wait no longer than one batch takes. */
const batchSize = 128;
/** What else is removed has an event each, and is as dear as so many blobs. */
const costOfOthers = 8;
/** Batches on their way to the disk; those after them wait. */
const mostBatches = 16;
/** Unfinished writes that no lease holds are given up after this (microseconds). */
export const ingestAge = 24 * 3600 * 1e6;

type Removed = readonly Fact<DomainEvent>[];

/** Takes what nothing references, soon after it became so. */
export class Collector {
  readonly #ledger: Ledger;
  readonly #clock: Clock;
  readonly #names: Names;
  readonly #logger: Logger;
  readonly #options: CollectorOptions;
  #scheduled: NodeJS.Timeout | undefined;
  #interval: NodeJS.Timeout | undefined;
  /** From the first collection on: what was saved of leases is read no earlier. */
  #expiries: LeaseExpiries | undefined;
  readonly #created: { unsubscribe(): void };
  #watch: { unsubscribe(): void } | undefined;

  constructor(ledger: Ledger, clock: Clock, names: Names, logger: Logger, options: CollectorOptions) {
    this.#ledger = ledger;
    this.#clock = clock;
    this.#names = names;
    this.#logger = logger;
    this.#options = options;
    this.#created = ledger.recorded.subscribe((fact) =>
      this.#expiries?.take(fact, ledger.durable.world.lease),
    );
  }

  start(): void {
    this.#watch = this.#ledger.recorded.subscribe((fact) => {
      if (leavesGarbage(fact)) this.#schedule(fact);
    });
    this.#interval = setInterval(() => this.#background(), this.#options.interval).unref();
    this.#background();
  }

  stop(): void {
    this.#created.unsubscribe();
    this.#watch?.unsubscribe();
    clearInterval(this.#interval);
    clearTimeout(this.#scheduled);
  }

  /**
   * Collects until nothing is left.
   * @returns the removals, in order
   * @throws Rejection of the log
   */
  async collect(cause: Cause): Promise<Removed> {
    const { wall } = this.#clock.now();
    await this.#expireLeases(wall, cause);
    const removed: Fact<DomainEvent>[] = [];
    const written: Promise<Removed>[] = [];
    let failed = false;
    while (!failed) {
      // Found and decided in one turn: nothing can come to need what was just found to be free.
      const garbage = collectable(this.#ledger.head.references, {
        limit: batchSize,
        costOf: ({ kind }) => (kind === 'blob' ? 1 : costOfOthers),
        ingestsBefore: (wall - ingestAge) as Timestamp,
        now: wall,
      });
      if (garbage.length === 0) break;
      const batch = this.#ledger.dispatch(removalCommands(garbage), cause);
      // Told of below, when its turn comes.
      batch.catch(() => {
        failed = true;
      });
      written.push(batch);
      if (written.length > mostBatches) removed.push(...((await written.shift()) ?? []));
      await new Promise((resolve) => setImmediate(resolve));
    }
    for (const batch of written) removed.push(...(await batch));
    return removed;
  }

  async #expireLeases(now: Timestamp, cause: Cause): Promise<void> {
    this.#expiries ??= new LeaseExpiries(this.#ledger.durable.world.lease);
    const among = this.#expiries.due(now);
    await this.#ledger.dispatch(
      [{ type: 'expire-leases', now, among: among.map(({ namespace, id }) => ({ namespace, id })) }],
      cause,
    );
    this.#expiries.settled(among);
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
