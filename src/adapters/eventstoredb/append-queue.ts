import { Rejection } from '../../domain/rejection.ts';
import { bytesOf, type Proposal } from './event-texts.ts';
import type { EventStoreLimits } from './limits.ts';

/** Batches that wait for a call, in the order in which they were handed over. */
export class AppendQueue {
  readonly #limits: EventStoreLimits;
  #batches: { readonly proposals: readonly Proposal[]; readonly bytes: number }[] = [];
  #bytes = 0;

  constructor(limits: EventStoreLimits) {
    this.#limits = limits;
  }

  get isEmpty(): boolean {
    return this.#batches.length === 0;
  }

  /**
   * @param underWay bytes of the group at the server
   * @throws Rejection `resource-exhausted`, and keeps nothing
   */
  push(proposals: readonly Proposal[], underWay: number): void {
    const bytes = bytesOf(proposals);
    const queued = this.#bytes + underWay;
    if (queued + bytes > this.#limits.queuedBytes) {
      throw new Rejection(
        'resource-exhausted',
        `Appending ${bytes} bytes: ${queued} bytes wait for KurrentDB, over the bound of ${this.#limits.queuedBytes}. Wait and try again.`,
      );
    }
    this.#batches.push({ proposals, bytes });
    this.#bytes += bytes;
  }

  /** Takes whole batches for one call: the first, and those behind it that fit. */
  take(): Proposal[] {
    const { groupBytes, groupEvents } = this.#limits;
    const group: Proposal[] = [];
    let bytes = 0;
    let taken = 0;
    for (const batch of this.#batches) {
      const fits = bytes + batch.bytes <= groupBytes && group.length + batch.proposals.length <= groupEvents;
      if (taken > 0 && !fits) break;
      // One by one: a spread of a long batch would be a call with as many arguments.
      for (const proposal of batch.proposals) group.push(proposal);
      bytes += batch.bytes;
      taken += 1;
    }
    this.#batches.splice(0, taken);
    this.#bytes -= bytes;
    return group;
  }

  clear(): void {
    this.#batches = [];
    this.#bytes = 0;
  }
}
