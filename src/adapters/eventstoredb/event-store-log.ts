import type { Observable } from 'rxjs';
import type { Envelope, Recorded } from '../../domain/envelope.ts';
import { type Position, position } from '../../domain/identity.ts';
import { asRejection, Rejection } from '../../domain/rejection.ts';
import type { Log, LogRange } from '../../engine/ports/log.ts';
import type { Logger } from '../../engine/ports/logger.ts';
import { matching } from '../../engine/ports/matching.ts';
import { AppendQueue } from './append-queue.ts';
import { Connection } from './connection.ts';
import { bytesOf, type Proposal, proposalsOf, recordedOf } from './event-texts.ts';
import { defaultLimits, type EventStoreLimits } from './limits.ts';
import { LiveFeed } from './live-feed.ts';
import { StreamReader } from './reader.ts';
import { settingsOf } from './settings.ts';
import { streamOfHost } from './stream-name.ts';
import { Overtaken, StreamWriter } from './writer.ts';

export interface EventStoreLogOptions {
  /** `esdb://…` or `kurrentdb://…`, as the server's documentation has it. May hold a password; it is never logged. */
  readonly connectionString: string;
  /** The stream is `shiplog-<hostId>`. */
  readonly hostId: string;
  readonly logger?: Logger;
  readonly limits?: Partial<EventStoreLimits>;
  /** Breaks off what is under way: appends and reads fail, and nothing more is sent. */
  readonly signal?: AbortSignal;
}

/**
 * Opens a host's log on KurrentDB or EventStoreDB: one stream, whose revision is the position. There is nothing to make
 * first; the stream begins with the first append.
 * @throws Rejection `invalid-argument` (connection string, host id), `unavailable`, `deadline-exceeded`,
 *   `unauthenticated`, `permission-denied`, `failed-precondition` (the stream was deleted for good),
 *   `data-loss` (the last event is none of ours)
 */
export const openEventStoreLog = async (options: EventStoreLogOptions): Promise<Log> => {
  const { connectionString, hostId, logger } = options;
  const limits = { ...defaultLimits, ...options.limits };
  const stream = streamOfHost(hostId);
  const connection = new Connection(settingsOf(connectionString), limits.deadlineMs, logger);
  const reader = new StreamReader(connection, stream, limits, logger);
  const breakOff = (): void => {
    connection
      .close()
      .catch((error: unknown) => logger?.debug('Leaving KurrentDB failed', { stream, error }));
  };
  options.signal?.addEventListener('abort', breakOff, { once: true });
  try {
    const length = await reader.length();
    const writer = new StreamWriter(connection, reader, limits, logger);
    const letGo = (): void => options.signal?.removeEventListener('abort', breakOff);
    return new EventStoreLog({ connection, reader, writer, limits, length, letGo });
  } catch (error) {
    options.signal?.removeEventListener('abort', breakOff);
    await connection.close();
    throw error;
  }
};

interface Parts {
  readonly connection: Connection;
  readonly reader: StreamReader;
  readonly writer: StreamWriter;
  readonly limits: EventStoreLimits;
  /** Events in the stream. */
  readonly length: bigint;
  /** Forgets the signal. */
  readonly letGo: () => void;
}

/** Somebody who waits until everything below `until` is durable. */
interface Waiter {
  readonly until: bigint;
  resolve(): void;
  reject(reason: Rejection): void;
}

/** Group commit: batches gather while a call is under way, and go together in the next. One call at a time keeps order. */
class EventStoreLog implements Log {
  readonly #parts: Parts;
  readonly #feed: LiveFeed;
  readonly #queue: AppendQueue;
  #head: bigint;
  #durable: bigint;
  #waiters: Waiter[] = [];
  /** Bytes of the group at the server. */
  #underWay = 0;
  #running: Promise<void> | undefined;
  #closing: Promise<void> | undefined;
  /** Why the log takes nothing any more. */
  #overtaken: Overtaken | undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#head = parts.length;
    this.#durable = parts.length;
    this.#queue = new AppendQueue(parts.limits);
    this.#feed = new LiveFeed(this);
  }

  get head(): Position {
    return position(this.#head);
  }

  get durable(): Position {
    return position(this.#durable);
  }

  append(events: readonly Envelope[], expected: Position): Promise<Position> {
    try {
      this.#accept(events, expected);
    } catch (error) {
      return Promise.reject(error);
    }
    this.#running ??= this.#run();
    const { head } = this;
    return new Promise((resolve, reject) => {
      this.#waiters.push({ until: head, resolve: () => resolve(head), reject });
    });
  }

  get horizon(): Position {
    return position(0n);
  }

  read(range: LogRange = {}): AsyncIterable<readonly Recorded[]> {
    return matching(this.#range(range), range.where);
  }

  async *#range(range: LogRange): AsyncIterable<readonly Recorded[]> {
    const to = range.to;
    const end = (): bigint => (to === undefined || to > this.#durable ? this.#durable : to);
    let next: bigint = range.from ?? 0n;
    if (range.backward === true) {
      yield* this.#parts.reader.range(next, end(), true);
      return;
    }
    // What became durable while it was read is given too.
    for (let until = end(); next < until; until = end()) {
      yield* this.#parts.reader.range(next, until, false);
      next = until;
    }
  }

  subscribe(from: Position): Observable<Recorded> {
    return this.#feed.from(from);
  }

  settled(until: Position): Promise<void> {
    if (until <= this.#durable) return Promise.resolve();
    if (until <= this.#head) {
      return new Promise((resolve, reject) => {
        this.#waiters.push({ until, resolve, reject });
      });
    }
    return Promise.reject(
      new Rejection(
        'unavailable',
        `Waiting for position ${until}: the log has been handed ${this.#head} events. What came after failed to be written, or never came.`,
      ),
    );
  }

  close(): Promise<void> {
    this.#closing ??= this.#finish();
    return this.#closing;
  }

  /** Fixes the order of a batch, or throws and changes nothing. */
  #accept(events: readonly Envelope[], expected: Position): void {
    const { stream } = this.#parts.reader;
    if (this.#closing !== undefined) {
      throw new Rejection(
        'unavailable',
        `Appending to the stream ${stream} of KurrentDB: the log is closed.`,
      );
    }
    if (this.#overtaken !== undefined) throw this.#overtaken;
    if (expected !== this.#head) {
      throw new Rejection(
        'aborted',
        `Appending at position ${expected}: the log is at ${this.#head}. Decide again from what came between.`,
      );
    }
    this.#queue.push(proposalsOf(stream, events, this.#head), this.#underWay);
    this.#head += BigInt(events.length);
  }

  async #run(): Promise<void> {
    while (!this.#queue.isEmpty) {
      // Everybody whom the last group woke gets to append again, and shares the next call.
      await turn();
      const group = this.#queue.take();
      this.#underWay = bytesOf(group);
      try {
        await this.#parts.writer.write(group);
        this.#succeed(group);
      } catch (error) {
        this.#fail(asRejection(error));
      }
      this.#underWay = 0;
    }
    this.#running = undefined;
  }

  #succeed(group: readonly Proposal[]): void {
    this.#durable += BigInt(group.length);
    const waiting = this.#waiters;
    this.#waiters = [];
    for (const waiter of waiting) {
      if (waiter.until <= this.#durable) waiter.resolve();
      else this.#waiters.push(waiter);
    }
    this.#deliver(group);
  }

  /** Gives up everything that is not durable. */
  #fail(reason: Rejection): void {
    this.#head = this.#durable;
    this.#queue.clear();
    const given = this.#waiters;
    this.#waiters = [];
    if (reason instanceof Overtaken) {
      this.#overtaken = reason;
      this.#feed.fail(reason);
    }
    for (const waiter of given) waiter.reject(reason);
  }

  /** Hands a stored group to whoever follows live, a turn later: whoever appended goes first. */
  #deliver(group: readonly Proposal[]): void {
    if (!this.#feed.wanted) return;
    const { stream } = this.#parts.reader;
    const events = group.map((proposal) => recordedOf(proposal, stream, proposal.position));
    setImmediate(() => this.#feed.deliver(events));
  }

  async #finish(): Promise<void> {
    await this.#running;
    await turn();
    await this.#feed.end();
    this.#parts.letGo();
    await this.#parts.connection.close();
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
