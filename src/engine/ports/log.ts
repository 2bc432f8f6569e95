import type { Observable } from 'rxjs';
import type { Envelope, Recorded } from '../../domain/envelope.ts';
import type { Position } from '../../domain/identity.ts';
import type { LogQuery } from '../../domain/log-query.ts';

/**
 * A host's log: one append-only sequence of events, the only source of truth.
 *
 * Life of an event. `append` is called with a batch and the position that the batch's first event must take. The
 * order is fixed inside that call, synchronously: `head` moves at once, and the next `append` may follow before the
 * first is durable. The batch is then written and synced together with its neighbours (group commit); when it is on
 * stable storage `durable` moves past it, the promise resolves, and readers and subscribers see it, in that order and
 * never earlier. A batch is atomic: after a crash all of it is there, or none.
 *
 * When writing fails (disk full, I/O error) every batch from the first that failed on rejects with a
 * `Rejection('resource-exhausted' | 'unavailable')`, `head` returns to `durable`, and the log either takes appends again
 * (space is back) or keeps refusing; it never guesses that unsynced bytes survived.
 *
 * Example: an empty log has head 0n. `append([a, b], 0n)` fixes a at 0n and b at 1n and resolves to 2n.
 */
export interface Log {
  /** Position that the next event will take: the number of events handed over so far. */
  readonly head: Position;
  /** Number of events known to be on stable storage; `durable <= head`. */
  readonly durable: Position;
  /** The first position that can be read: 0n, or where a prefix was pruned the first that is kept. */
  readonly horizon: Position;

  /**
   * Hands over a batch, atomic as a whole.
   * @param events 1 to {@link LogLimits.batchEvents} events
   * @param expected the position of the first of them; never optional
   * @returns the new head, once durable
   * @throws Rejection `aborted` when `expected` is not `head`; `resource-exhausted` (disk full, queue bound),
   *   `unavailable` (I/O error, closed, or fenced out by another writer), `invalid-argument` (a batch over its limits)
   */
  append(events: readonly Envelope[], expected: Position): Promise<Position>;

  /**
   * Durable events in ascending order (`backward: true`: descending), in batches so that a fold costs no promise per
   * event. Stops at `to`, which is exclusive, or at what is durable when it gets there.
   * @throws Rejection `failed-precondition` for a `from` below {@link horizon}; when absent it is the horizon
   */
  read(range?: LogRange): AsyncIterable<readonly Recorded[]>;

  /** Every durable event from a position on, then live ones as they become durable, without gap or repeat. */
  subscribe(from: Position): Observable<Recorded>;

  /** Resolves when all events below `position` are durable; rejects when they can't become so. */
  settled(position: Position): Promise<void>;

  /** Writes what is queued, then lets go of the log. */
  close(): Promise<void>;
}

export interface LogRange {
  /** First position, inclusive; 0n when absent. With `backward`, the lowest position to give. */
  readonly from?: Position;
  /** End, exclusive; what is durable when absent. */
  readonly to?: Position;
  readonly backward?: boolean;
  /** Only these events; an index makes it cost what it finds, where the log has one. */
  readonly where?: LogQuery;
}

export const LogLimits = {
  /** Events in one batch. */
  batchEvents: 4096,
  /** Encoded bytes of one event. */
  eventBytes: 1024 * 1024,
  /** Encoded bytes of one batch. */
  batchBytes: 16 * 1024 * 1024,
  /** Encoded bytes waiting to become durable; over it `append` rejects with `resource-exhausted`. */
  queuedBytes: 64 * 1024 * 1024,
} as const;
