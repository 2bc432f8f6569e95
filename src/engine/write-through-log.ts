import type { Observable } from 'rxjs';
import type { Envelope, Recorded } from '../domain/envelope.ts';
import type { Position } from '../domain/identity.ts';
import { Rejection } from '../domain/rejection.ts';
import { laterOf, type Misfit, meet } from './meeting.ts';
import type { Clock } from './ports/clock.ts';
import type { Log, LogRange } from './ports/log.ts';
import type { Logger } from './ports/logger.ts';
import type { CopyStatus, LogCopy } from './ports/replica.ts';
import { Replicator } from './replicator.ts';

export interface WriteThroughParts {
  /** The truth: order and durability are decided there. */
  readonly remote: Log;
  /** The host's own copy, from which is read what it has. */
  readonly local: Log;
  /** The remote end, for people. */
  readonly place: () => string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly jitter: () => number;
  /** Told once when the remote log takes nothing from us any more: somebody else writes it. */
  readonly onFencedOut: (reason: Rejection) => void;
}

/** Milliseconds for the local copy to catch up when the log is closed. */
const closeBound = 2000;

/**
 * A log that is kept elsewhere, with the host's own files as a cache to start from. An event is durable when the remote log
 * says so; the files follow a moment later. They may fall behind (disk full, a crash): what they lack is read from the
 * remote log, and copied from there in the background, also after a start.
 * @throws Rejection `failed-precondition` when the files hold events that the remote log does not
 */
export const openWriteThroughLog = async (parts: WriteThroughParts): Promise<Log & LogCopy> => {
  const { remote, local } = parts;
  const meeting = await meet(remote, local);
  if (meeting.kind !== 'fits')
    throw new Rejection('failed-precondition', misfitOfCache(meeting, remote, local));
  return new WriteThroughLog(parts);
};

const misfitOfCache = (misfit: Misfit, remote: Log, local: Log): string => {
  const asked = `Opening the log: the primary has ${remote.durable} events, the files of this host ${local.durable}`;
  switch (misfit.kind) {
    case 'ahead':
      return (
        `${asked}. Events that the primary lacks can't be put there behind its back. If this host kept its log in files ` +
        'so far, run it with mode = "replica" until info shows no lag, then change to primary. If the primary was restored ' +
        'from an old state, restore the rest, or run with mode = "replica", which brings it what is missing.'
      );
    case 'forked':
      return (
        `${asked}, and from position ${misfit.at} on they are two histories: two daemons have used one id. ` +
        "Move the log's folder away to go on with the primary's history, or give this host an id of its own."
      );
    case 'pruned':
      return `${asked}; the primary no longer has what would have to be compared. Restore it.`;
    default:
      return misfit satisfies never;
  }
};

class WriteThroughLog implements Log, LogCopy {
  readonly #remote: Log;
  readonly #local: Log;
  readonly #filler: Replicator;
  readonly #watch: { unsubscribe(): void };
  #closing: Promise<void> | undefined;

  constructor({ remote, local, onFencedOut, ...rest }: WriteThroughParts) {
    this.#remote = remote;
    this.#local = local;
    this.#filler = new Replicator({
      ...rest,
      mode: 'primary',
      source: remote,
      open: async () => lent(local),
      misfit: misfitOfCache,
    });
    this.#filler.start();
    // A log ends its subscribers with an error when it may not be written any more.
    this.#watch = remote.subscribe(remote.durable).subscribe({ error: onFencedOut });
  }

  get head(): Position {
    return this.#remote.head;
  }

  get durable(): Position {
    return this.#remote.durable;
  }

  get horizon(): Position {
    return this.#local.horizon;
  }

  append(events: readonly Envelope[], expected: Position): Promise<Position> {
    if (this.#closing !== undefined) {
      return Promise.reject(new Rejection('unavailable', 'Appending to the log: it is closed.'));
    }
    return this.#remote.append(events, expected);
  }

  async *read(range: LogRange = {}): AsyncIterable<readonly Recorded[]> {
    const near = this.#local.durable;
    const split = range.to === undefined || range.to > near ? near : range.to;
    const from = range.from ?? this.horizon;
    const far = { ...range, from: laterOf(from, split) };
    if (range.backward === true) yield* this.#remote.read(far);
    if (from < split || from < this.horizon) yield* this.#local.read({ ...range, from, to: split });
    if (range.backward !== true) yield* this.#remote.read(far);
  }

  subscribe(from: Position): Observable<Recorded> {
    return this.#remote.subscribe(from);
  }

  settled(until: Position): Promise<void> {
    return this.#remote.settled(until);
  }

  status(): Promise<CopyStatus> {
    return this.#filler.status();
  }

  close(): Promise<void> {
    this.#closing ??= this.#finish();
    return this.#closing;
  }

  async #finish(): Promise<void> {
    this.#watch.unsubscribe();
    // Whoever appended is told of it.
    await this.#remote.settled(this.#remote.head).catch(() => undefined);
    await this.#filler.stop(closeBound);
    await Promise.all([this.#remote.close(), this.#local.close()]);
  }
}

/** The log, for somebody who closes what he opened. */
const lent = (log: Log): Log => ({
  get head() {
    return log.head;
  },
  get durable() {
    return log.durable;
  },
  get horizon() {
    return log.horizon;
  },
  append: (events, expected) => log.append(events, expected),
  read: (range) => log.read(range),
  subscribe: (from) => log.subscribe(from),
  settled: (until) => log.settled(until),
  close: async () => undefined,
});
