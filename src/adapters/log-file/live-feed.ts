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
 * Subscriptions: from disk until a subscriber has seen everything durable, then straight from each write. The change from
 * one to the other happens within one turn of the event loop, so there is no gap, and no queue that could grow: a slow
 * subscriber slows the reading, or the next write, and memory stays as it is.
 */
export class LiveFeed {
  readonly #log: Pick<Log, 'durable' | 'read'>;
  readonly #followers = new Set<Follower>();
  #ended = false;

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
      this.#catchUp(follower).catch((error: unknown) => subscriber.error(error));
      return () => {
        this.#followers.delete(follower);
      };
    });
  }

  /** Events that have just become durable. */
  deliver(events: readonly Recorded[]): void {
    for (const follower of this.#followers) pass(follower, events);
  }

  /** Completes whoever follows live, and the others once they have caught up. */
  end(): void {
    this.#ended = true;
    for (const follower of this.#followers) follower.subscriber.complete();
  }

  async #catchUp(follower: Follower): Promise<void> {
    while (follower.next < this.#log.durable) {
      for await (const events of this.#log.read({ from: position(follower.next) })) {
        pass(follower, events);
        if (follower.subscriber.closed) return;
      }
    }
    if (this.#ended) follower.subscriber.complete();
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
