import type { Recorded } from '../../domain/envelope.ts';
import { Rejection } from '../../domain/rejection.ts';
import type { Logger } from '../../engine/ports/logger.ts';
import type { Connection } from './connection.ts';
import type { EventStoreLimits } from './limits.ts';
import { Patience } from './patience.ts';
import type { StoredEvent } from './stored-event.ts';

/** A batch that is handed out holds so many events, or so many bytes and one event more. */
const BATCH_EVENTS = 256;
const BATCH_BYTES = 1024 * 1024;

/** Reads one stream, going on after a lost connection where it was. */
export class StreamReader {
  readonly stream: string;
  readonly #connection: Connection;
  readonly #limits: EventStoreLimits;
  readonly #logger: Logger | undefined;

  constructor(connection: Connection, stream: string, limits: EventStoreLimits, logger?: Logger) {
    this.stream = stream;
    this.#connection = connection;
    this.#limits = limits;
    this.#logger = logger;
  }

  /** Events in the stream, by the revision of the last one. @throws Rejection */
  async length(): Promise<bigint> {
    const patience = this.#patience('Looking for the end of');
    for (;;) {
      try {
        const last = await this.#connection.last(this.stream);
        return last === undefined ? 0n : last.event.position + 1n;
      } catch (error) {
        if (error instanceof Rejection) throw error;
        await patience.next(error);
      }
    }
  }

  /** Ids of the events from a position on, at most `count`. @throws Rejection */
  async idsFrom(from: bigint, count: number): Promise<string[]> {
    const patience = this.#patience('Looking for appended events in');
    for (;;) {
      try {
        const ids: string[] = [];
        const asked = { stream: this.stream, from, count, backward: false };
        for await (const { id } of this.#connection.read(asked)) ids.push(id);
        return ids;
      } catch (error) {
        if (error instanceof Rejection) throw error;
        await patience.next(error);
      }
    }
  }

  /** Events from `from` up to `to` (exclusive), which must be there; with `backward` from `to - 1` down to `from`. */
  async *range(from: bigint, to: bigint, backward: boolean): AsyncGenerator<readonly Recorded[]> {
    const patience = this.#patience('Reading');
    let low = from;
    let high = to;
    while (low < high) {
      try {
        for await (const batch of this.#batches(low, high, backward)) {
          if (backward) high -= BigInt(batch.length);
          else low += BigInt(batch.length);
          patience.renew();
          yield batch;
        }
      } catch (error) {
        if (error instanceof Rejection) throw error;
        await patience.next(error);
      }
    }
  }

  /** One call's worth, checked to be without a hole. */
  async *#batches(low: bigint, high: bigint, backward: boolean): AsyncGenerator<readonly Recorded[]> {
    const { stream } = this;
    const first = backward ? high - 1n : low;
    const step = backward ? -1n : 1n;
    let due = first;
    let batch: Recorded[] = [];
    let bytes = 0;
    for await (const stored of this.#connection.read({
      stream,
      from: first,
      count: Number(high - low),
      backward,
    })) {
      this.#expect(stored, due);
      due += step;
      batch.push(stored.event);
      bytes += stored.bytes;
      if (batch.length < BATCH_EVENTS && bytes < BATCH_BYTES) continue;
      yield batch;
      batch = [];
      bytes = 0;
    }
    if (batch.length > 0) yield batch;
    if (due !== first + step * (high - low)) throw holeAt(stream, due, 'the stream ends before it');
  }

  #expect({ event }: StoredEvent, due: bigint): void {
    if (event.position === due) return;
    throw holeAt(this.stream, due, `event ${event.position} came in its place`);
  }

  #patience(doing: string): Patience {
    const { giveUpAfterMs } = this.#limits;
    return new Patience(`${doing} the stream ${this.stream} of KurrentDB`, giveUpAfterMs, this.#logger);
  }
}

const holeAt = (stream: string, at: bigint, what: string): Rejection =>
  new Rejection(
    'data-loss',
    `Reading event ${at} of the stream ${stream} of KurrentDB: it is missing, ${what}. ` +
      'Nothing is skipped. Look whether the stream has a limit of age or count, was truncated, or was restored from an old copy.',
  );
