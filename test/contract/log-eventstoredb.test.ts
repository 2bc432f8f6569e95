import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe } from 'vitest';
import { openEventStoreLog } from '../../src/adapters/eventstoredb/event-store-log.ts';
import { type EventStoreServer, startEventStoreServer } from '../support/eventstoredb-server.ts';
import { describeLog, type OpenedLog } from './log-contract.ts';

/** A stream of its own for each log, so that one server serves all. */
const openOn = async (connectionString: string): Promise<OpenedLog> => {
  const log = await openEventStoreLog({ connectionString, hostId: `test-${randomUUID()}` });
  return { log, dispose: () => log.close() };
};

describe('over loopback', () => {
  let server: EventStoreServer;
  beforeAll(async () => {
    server = await startEventStoreServer();
  });
  afterAll(() => server.close());

  describeLog("the log on KurrentDB's protocol", () =>
    openOn(`esdb://127.0.0.1:${server.front.port}?tls=false`),
  );
});

const url = process.env.KURRENTDB_URL;
const why = url === undefined ? ' (skipped: KURRENTDB_URL names no server; see docs/kurrentdb.md)' : '';
describe.skipIf(url === undefined)(`on a real server${why}`, () => {
  // Each test leaves a stream `shiplog-test-…` behind.
  describeLog('the log on KurrentDB', () => openOn(url ?? ''));
});
