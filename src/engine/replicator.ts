import type { Recorded } from '../domain/envelope.ts';
import { type Position, position } from '../domain/identity.ts';
import { asRejection, Rejection } from '../domain/rejection.ts';
import { follow } from './api/follow.ts';
import { eventAt, laterOf, type Misfit, meet } from './meeting.ts';
import type { Clock } from './ports/clock.ts';
import type { Log } from './ports/log.ts';
import type { Logger } from './ports/logger.ts';
import type { CopyMode, CopyState, CopyStatus, LogCopy } from './ports/replica.ts';

export interface ReplicatorParts {
  readonly mode: CopyMode;
  /** What is copied. */
  readonly source: Log;
  /** Opens the copy, to be closed after use; the signal breaks off what is under way. */
  readonly open: (signal: AbortSignal) => Promise<Log>;
  /** The remote end, for people. */
  readonly place: () => string;
  /** What to say when the copy does not fit. */
  readonly misfit: (meeting: Misfit, source: Log, copy: Log) => string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** From 0 to 1; spreads the tries of a fleet. */
  readonly jitter: () => number;
}

/** Appends under way at once, each of at most so many events or bytes of data and one event more. */
const window = { appends: 4, events: 256, bytes: 256 * 1024 };
/** Milliseconds between tries: doubled each time. */
const pauses = { first: 250, longest: 30_000 };

/** Milliseconds before try number `attempt` (from 1). */
export const pauseBefore = (attempt: number, jitter: number): number =>
  Math.min(pauses.longest, pauses.first * 2 ** (attempt - 1)) * (0.5 + jitter / 2);

/**
 * Copies durable events into another log, in order, each once, for as long as it lives. It keeps no note of its own: where
 * to go on is read from the end of the copy, each time anew, and every append names the position that it expects. So it
 * does not matter how often it is interrupted, or which answer was lost. It reads the source only as fast as the copy
 * takes events, and nobody who appends to the source waits for it.
 *
 * A copy that is not the beginning of the source is never written to: it stops and says why.
 */
export class Replicator implements LogCopy {
  readonly #parts: ReplicatorParts;
  readonly #ending = new AbortController();
  readonly #arrivals = new Set<() => void>();
  #running: Promise<void> | undefined;
  #state: CopyState = 'connecting';
  #position: Position | undefined;
  #lastError: CopyStatus['lastError'];

  constructor(parts: ReplicatorParts) {
    this.#parts = parts;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  async status(): Promise<CopyStatus> {
    const { mode, place, source, clock } = this.#parts;
    const reached = this.#position ?? position(0n);
    const lagEvents = source.durable > reached ? source.durable - reached : 0n;
    const oldest = laterOf(reached, source.horizon);
    const since =
      lagEvents === 0n || oldest >= source.durable
        ? undefined
        : (await eventAt(source, oldest)).meta.time.wall;
    return {
      mode,
      place: place(),
      state: this.#state,
      ...(this.#position === undefined ? {} : { position: this.#position }),
      lagEvents,
      lagTime: since === undefined ? 0 : Math.max(0, clock.now().wall - since),
      ...(this.#lastError === undefined ? {} : { lastError: this.#lastError }),
    };
  }

  /**
   * Copies what is durable now, if that is done within a bound and nothing fails, and lets go of the copy.
   * @param bound milliseconds
   */
  async stop(bound: number): Promise<void> {
    const { source, clock } = this.#parts;
    if (this.#running === undefined) return;
    const waiting = new AbortController();
    // Rejects when there is nothing to wait for any more.
    const late = clock.sleep(bound, waiting.signal).catch(() => undefined);
    await Promise.race([late, this.#arrival(source.durable)]);
    this.#ending.abort();
    await Promise.race([late, this.#running]);
    waiting.abort();
  }

  /** Resolves when the copy has come so far, or has failed. */
  async #arrival(until: Position): Promise<void> {
    const isUnderWay = () => this.#state === 'connecting' || this.#state === 'shipping';
    while (isUnderWay() && (this.#position ?? 0n) < until) {
      await new Promise<void>((resolve) => this.#arrivals.add(resolve));
    }
  }

  #moved(): void {
    const woken = [...this.#arrivals];
    this.#arrivals.clear();
    for (const wake of woken) wake();
  }

  async #run(): Promise<void> {
    const { signal } = this.#ending;
    for (let attempt = 1; !signal.aborted; attempt += 1) {
      const began = this.#position;
      try {
        await this.#ship(signal);
      } catch (error) {
        if (signal.aborted) return;
        const gotOn = began !== this.#position;
        if (gotOn) attempt = 1;
        if (this.#failed(asRejection(error), attempt, gotOn)) return;
        // Broken off by the signal, which the loop asks for.
        await this.#parts.clock
          .sleep(pauseBefore(attempt, this.#parts.jitter()), signal)
          .catch(() => undefined);
      }
    }
  }

  /**
   * A copy that lost its end (restored from a backup) is only behind, so what looks like damage is tried once more.
   * @returns whether to stop for good
   */
  #failed(reason: Rejection, attempt: number, gotOn: boolean): boolean {
    const { clock, logger, place } = this.#parts;
    const { message } = reason;
    const isNew = attempt === 1 || message !== this.#lastError?.message;
    this.#lastError = { at: clock.now().wall, message };
    const isOver = reason instanceof NoCopy || (reason.code === 'data-loss' && !gotOn);
    this.#state = isOver ? 'stopped' : 'waiting';
    this.#moved();
    if (isOver) logger.error('the log is no longer copied', { place: place(), error: reason });
    else if (isNew)
      logger.warn('copying the log failed; it is tried again', { place: place(), error: reason });
    return isOver;
  }

  /** Copies until the signal, or throws. */
  async #ship(signal: AbortSignal): Promise<void> {
    const copy = await this.#parts.open(signal);
    const link = new AbortController();
    const unlink = (): void => link.abort();
    signal.addEventListener('abort', unlink, { once: true });
    const flight = new Flight(window.appends, unlink);
    try {
      await this.#check(copy);
      for await (const batch of follow(this.#parts.source, copy.head, link.signal)) {
        for (const chunk of chunksOf(batch)) {
          if (link.signal.aborted) break;
          await flight.add(copy.append(chunk, copy.head).then((head) => this.#reached(head)));
        }
      }
    } finally {
      signal.removeEventListener('abort', unlink);
      await flight.landed();
      await copy.close();
    }
    flight.check();
  }

  async #check(copy: Log): Promise<void> {
    const { source, misfit, logger, place } = this.#parts;
    const meeting = await meet(source, copy);
    if (meeting.kind !== 'fits') throw new NoCopy(misfit(meeting, source, copy));
    logger.info('copying the log', { place: place(), from: String(copy.head), head: String(source.durable) });
    this.#state = 'shipping';
    this.#reached(copy.durable);
  }

  #reached(head: Position): void {
    this.#position = head;
    this.#moved();
  }
}

/** The copy is none of this log. */
class NoCopy extends Rejection {
  constructor(message: string) {
    super('failed-precondition', message);
    this.name = 'NoCopy';
  }
}

/** Appends that are under way: a bounded number, of which the first failure ends all. */
class Flight {
  readonly #most: number;
  readonly #onFailure: () => void;
  readonly #pending = new Set<Promise<void>>();
  #failure: { readonly error: unknown } | undefined;

  constructor(most: number, onFailure: () => void) {
    this.#most = most;
    this.#onFailure = onFailure;
  }

  /** Resolves when there is room for the next. */
  async add(append: Promise<void>): Promise<void> {
    const one = append
      .catch((error: unknown) => {
        this.#failure ??= { error };
        this.#onFailure();
      })
      .finally(() => this.#pending.delete(one));
    this.#pending.add(one);
    while (this.#pending.size >= this.#most) await Promise.race(this.#pending);
  }

  async landed(): Promise<void> {
    await Promise.all(this.#pending);
  }

  /** @throws what the first failed append threw */
  check(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }
}

/** Bytes of an event beside its data, about. */
const ENVELOPE_BYTES = 400;

/** Pieces that one append may have: a batch read may be larger than the other log takes. */
export function* chunksOf(batch: readonly Recorded[]): Generator<readonly Recorded[]> {
  let chunk: Recorded[] = [];
  let bytes = 0;
  for (const event of batch) {
    chunk.push(event);
    bytes += ENVELOPE_BYTES + (JSON.stringify(event.data)?.length ?? 0);
    if (chunk.length < window.events && bytes < window.bytes) continue;
    yield chunk;
    chunk = [];
    bytes = 0;
  }
  if (chunk.length > 0) yield chunk;
}
