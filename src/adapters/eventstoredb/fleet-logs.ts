import { Rejection } from '../../domain/rejection.ts';
import type { FleetLogs, FleetSelection, HostEvent } from '../../engine/ports/fleet.ts';
import type { Logger } from '../../engine/ports/logger.ts';
import { Connection, type PlacedEvent } from './connection.ts';
import { defaultLimits, type EventStoreLimits } from './limits.ts';
import type { AllAsked, Place } from './messages.ts';
import { Patience } from './patience.ts';
import { settingsOf } from './settings.ts';
import { hostOfStream, STREAM_PREFIX, streamOfHost } from './stream-name.ts';

export interface FleetLogsOptions {
  readonly connectionString: string;
  readonly logger?: Logger;
  readonly limits?: Partial<EventStoreLimits>;
}

/**
 * The streams of all hosts, found by how their names begin. One pass over the database in its own order (`$all`), which the
 * server filters: by types of events where some are asked for, else by the names of streams. That takes the right to read
 * `$all`. Of a single host its stream is read, for which the right to that is enough.
 * @throws Rejection `invalid-argument` (connection string)
 */
export const openFleetLogs = (options: FleetLogsOptions): FleetLogs => {
  const limits = { ...defaultLimits, ...options.limits };
  const connection = new Connection(settingsOf(options.connectionString), limits.deadlineMs, options.logger);
  const fleet = new Reading(connection, limits, options.logger);
  return {
    read: (selection) => fleet.events(selection, undefined),
    follow: (selection, signal) => {
      // A subscription that waits ends with its connection.
      const stop = (): void => {
        connection
          .close()
          .catch((error: unknown) => options.logger?.debug('Leaving KurrentDB failed', { error }));
      };
      signal.addEventListener('abort', stop, { once: true });
      return fleet.events(selection, signal);
    },
    close: () => connection.close(),
  };
};

class Reading {
  readonly #connection: Connection;
  readonly #limits: EventStoreLimits;
  readonly #logger: Logger | undefined;

  constructor(connection: Connection, limits: EventStoreLimits, logger: Logger | undefined) {
    this.#connection = connection;
    this.#limits = limits;
    this.#logger = logger;
  }

  events(selection: FleetSelection, live: AbortSignal | undefined): AsyncGenerator<HostEvent> {
    const [only, ...others] = selection.hosts;
    return only !== undefined && others.length === 0
      ? this.#ofHost(only, selection.types, live)
      : this.#ofAll(selection, live);
  }

  /** @param live goes on with what comes until it fires */
  async *#ofAll(selection: FleetSelection, live: AbortSignal | undefined): AsyncGenerator<HostEvent> {
    const { hosts, types } = selection;
    const where: AllAsked['where'] = types === undefined ? { streams: [STREAM_PREFIX] } : { types };
    const patience = this.#patience('Reading the streams of all hosts', live);
    let last: Place | undefined;
    while (!isOver(live)) {
      try {
        for await (const placed of this.#connection.all({ from: last, where, live: live !== undefined })) {
          if (isSeen(placed.place, last)) continue;
          last = placed.place;
          patience.renew();
          const host = hostOfStream(placed.stream);
          if (host === undefined || (hosts.length > 0 && !hosts.includes(host))) continue;
          yield { host, event: eventOf(placed) };
        }
        if (live === undefined) return;
        await patience.next(new Error('the server ended the subscription'));
      } catch (error) {
        if (isOver(live)) return;
        if (error instanceof Rejection) throw error;
        await patience.next(error);
      }
    }
  }

  async *#ofHost(
    host: string,
    types: readonly string[] | undefined,
    live: AbortSignal | undefined,
  ): AsyncGenerator<HostEvent> {
    const stream = streamOfHost(host);
    const patience = this.#patience(`Reading the stream ${stream}`, live);
    let next = 0n;
    while (!isOver(live)) {
      try {
        const asked = { stream, from: next, count: Number.MAX_SAFE_INTEGER, backward: false };
        const events =
          live === undefined ? this.#connection.read(asked) : this.#connection.follow(stream, next);
        for await (const { event } of events) {
          if (event.position < next) continue;
          next = event.position + 1n;
          patience.renew();
          if (types?.some((type) => event.type.startsWith(type)) !== false) yield { host, event };
        }
        if (live === undefined) {
          if (next === 0n) throw noSuchHost(host, stream);
          return;
        }
        await patience.next(new Error('the server ended the subscription'));
      } catch (error) {
        if (isOver(live)) return;
        if (error instanceof Rejection) throw error;
        await patience.next(error);
      }
    }
  }

  #patience(doing: string, live: AbortSignal | undefined): Patience {
    const { giveUpAfterMs } = this.#limits;
    return new Patience(`${doing} on KurrentDB`, live === undefined ? giveUpAfterMs : Infinity, this.#logger);
  }
}

const isOver = (live: AbortSignal | undefined): boolean => live?.aborted === true;

/** A read that is taken up again begins with the last event given. */
const isSeen = (place: Place, last: Place | undefined): boolean =>
  last !== undefined &&
  (place.commit < last.commit || (place.commit === last.commit && place.prepare <= last.prepare));

const eventOf = ({ stored }: PlacedEvent) => stored().event;

const noSuchHost = (host: string, stream: string): Rejection =>
  new Rejection(
    'not-found',
    `Reading the log of host ${host}: there is no stream ${stream}. 'shiplog info' on the host tells its id.`,
  );
