import { Observable, type Subscriber } from 'rxjs';
import type { Recorded } from '../../domain/envelope.ts';
import { type Position, position } from '../../domain/identity.ts';
import type { Log } from '../../engine/ports/log.ts';

/** A subscriber that has caught up. */
interface Follower {
  /** The first position it has not seen. */
  next: bigint;
  readonly subscriber: Subscriber<Recorded>;
}

/**
 * Subscriptions to a log that we alone write: from the server until a subscriber has seen everything durable, then
 * straight from each append that the server has acknowledged. Both ends meet within one turn of the event loop, so there
 * is no gap, no repeat and no queue; and a connection that breaks concerns only a subscriber that is still catching up,
 * whose reading goes on where it was.
 */
export class LiveFeed {
  readonly #log: Pick<Log, 'durable' | 'read'>;
  readonly #followers = new Set<Follower>();
  readonly #catchingUp = new Set<Promise<void>>();
  #ended = false;
  #failed: Error | undefined;

  constructor(log: Pick<Log, 'durable' | 'read'>) {
    this.#log = log;
  }

  /** Whether anybody follows live. */
  get wanted(): boolean {
    return this.#followers.size > 0;
  }

  from(start: Position): Observable<Recorded> {
    return new Observable((subscriber) => {
      const follower: Follower = { next: start, subscriber };
      const catchingUp = this.#catchUp(follower)
        .catch((error: unknown) => subscriber.error(error))
        .finally(() => this.#catchingUp.delete(catchingUp));
      this.#catchingUp.add(catchingUp);
      return () => {
        this.#followers.delete(follower);
      };
    });
  }

  /** Events that have just become durable. */
  deliver(events: readonly Recorded[]): void {
    for (const follower of this.#followers) pass(follower, events);
  }

  /** Completes whoever follows live; resolves when the others have caught up and are completed too. */
  async end(): Promise<void> {
    this.#ended = true;
    for (const { subscriber } of this.#followers) subscriber.complete();
    await Promise.all(this.#catchingUp);
  }

  /** Ends whoever follows live with an error, and the others once they have caught up: what comes is not known. */
  fail(reason: Error): void {
    this.#failed = reason;
    for (const { subscriber } of this.#followers) subscriber.error(reason);
  }

  async #catchUp(follower: Follower): Promise<void> {
    while (follower.next < this.#log.durable) {
      for await (const events of this.#log.read({ from: position(follower.next) })) {
        pass(follower, events);
        if (follower.subscriber.closed) return;
      }
    }
    if (this.#failed !== undefined) follower.subscriber.error(this.#failed);
    else if (this.#ended) follower.subscriber.complete();
    else if (!follower.subscriber.closed) this.#followers.add(follower);
  }
}

/** Leaves out what the follower has seen. */
const pass = (follower: Follower, events: readonly Recorded[]): void => {
  for (const event of events) {
    if (event.position < follower.next) continue;
    if (follower.subscriber.closed) return;
    follower.next = event.position + 1n;
    follower.subscriber.next(event);
  }
};
