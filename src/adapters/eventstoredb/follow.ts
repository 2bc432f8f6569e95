import type { Position } from '../../domain/identity.ts';
import { Rejection } from '../../domain/rejection.ts';
import type { Logger } from '../../engine/ports/logger.ts';
import { Connection } from './connection.ts';
import { defaultLimits, type EventStoreLimits } from './limits.ts';
import { Patience } from './patience.ts';
import { settingsOf } from './settings.ts';
import type { StoredEvent } from './stored-event.ts';
import { streamOfHost } from './stream-name.ts';

export interface FollowOptions {
  readonly connectionString: string;
  /** Whose log. It may not exist yet. */
  readonly hostId: string;
  /** First position to give. */
  readonly from: Position;
  /** Ends it. */
  readonly signal: AbortSignal;
  readonly logger?: Logger;
  readonly limits?: Partial<EventStoreLimits>;
}

/**
 * Follows a log that somebody else writes: what is there, then what comes, each event once and without a gap. A lost
 * connection is made again for as long as it takes; after it the subscription goes on behind the last event given.
 * @throws Rejection when trying again makes no sense: `invalid-argument`, `unauthenticated`, `permission-denied`,
 *   `failed-precondition` (the stream was deleted for good), `data-loss` (a hole, or events that are none of ours)
 */
export async function* followHost(options: FollowOptions): AsyncGenerator<StoredEvent> {
  const { connectionString, hostId, signal, logger } = options;
  const stream = streamOfHost(hostId);
  const { deadlineMs } = { ...defaultLimits, ...options.limits };
  const connection = new Connection(settingsOf(connectionString), deadlineMs, logger);
  const patience = new Patience(`Following the stream ${stream} of KurrentDB`, Infinity, logger);
  const stop = (): void => {
    connection
      .close()
      .catch((error: unknown) => logger?.debug('Leaving KurrentDB failed', { stream, error }));
  };
  signal.addEventListener('abort', stop);
  let next: bigint = options.from;
  try {
    while (!signal.aborted) {
      try {
        for await (const stored of connection.follow(stream, next)) {
          const { position } = stored.event;
          if (position < next) continue;
          if (position > next) throw holeAt(stream, next, position);
          next += 1n;
          patience.renew();
          yield stored;
        }
        // The server has ended the subscription: it is going down, or has lost its lead.
        await patience.next(new Error('the server ended the subscription'));
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof Rejection) throw error;
        await patience.next(error);
      }
    }
  } finally {
    signal.removeEventListener('abort', stop);
    await connection.close();
  }
}

const holeAt = (stream: string, due: bigint, came: bigint): Rejection =>
  new Rejection(
    'data-loss',
    `Following the stream ${stream} of KurrentDB: event ${due} is missing, ${came} came in its place. ` +
      'Look whether the stream has a limit of age or count, or was truncated.',
  );
