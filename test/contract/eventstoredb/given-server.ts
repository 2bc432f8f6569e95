import { randomUUID } from 'node:crypto';
import { afterEach } from 'vitest';
import { openEventStoreLog } from '../../../src/adapters/eventstoredb/event-store-log.ts';
import type { EventStoreLimits } from '../../../src/adapters/eventstoredb/limits.ts';
import type { Log } from '../../../src/engine/ports/log.ts';
import {
  type EventStoreServer,
  type EventStoreServerOptions,
  startEventStoreServer,
} from '../../support/eventstoredb-server.ts';

/** Short enough that a test of giving up doesn't wait long. */
export const quick: Partial<EventStoreLimits> = { deadlineMs: 300, giveUpAfterMs: 400 };

export const urlOf = (server: EventStoreServer): string => `esdb://127.0.0.1:${server.front.port}?tls=false`;

/** Servers and logs that end with the test they were made in. */
export const givenServers = () => {
  const made: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const end of made.splice(0).reverse()) await end();
  });
  const hostId = `host-${randomUUID()}`;
  return {
    hostId,
    stream: `shiplog-${hostId}`,
    start: async (options?: EventStoreServerOptions): Promise<EventStoreServer> => {
      const server = await startEventStoreServer(options);
      made.push(() => server.close());
      return server;
    },
    open: async (connectionString: string, limits: Partial<EventStoreLimits> = {}): Promise<Log> => {
      const log = await openEventStoreLog({ connectionString, hostId, limits });
      made.push(() => log.close());
      return log;
    },
  };
};
