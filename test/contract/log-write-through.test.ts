import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe } from 'vitest';
import { openEventStoreLog } from '../../src/adapters/eventstoredb/event-store-log.ts';
import { createClock } from '../../src/adapters/linux/clock.ts';
import { openFileLog } from '../../src/adapters/log-file/file-log.ts';
import { openWriteThroughLog } from '../../src/engine/write-through-log.ts';
import { type EventStoreServer, startEventStoreServer } from '../support/eventstoredb-server.ts';
import { memoryFolder } from '../support/log-events.ts';
import { quietLogger } from '../support/task.ts';
import { describeLog, type OpenedLog } from './log-contract.ts';

const openOn = async (connectionString: string): Promise<OpenedLog> => {
  const directory = await mkdtemp(join(memoryFolder, 'shiplog-primary-'));
  const remote = await openEventStoreLog({ connectionString, hostId: `test-${randomUUID()}` });
  const log = await openWriteThroughLog({
    remote,
    local: await openFileLog({ directory, segmentBytes: 1024 * 1024 }),
    place: () => 'the server of the tests',
    clock: createClock('boot-1'),
    logger: quietLogger,
    jitter: () => 0,
    onFencedOut: () => undefined,
  });
  return {
    log,
    dispose: async () => {
      await log.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
};

describe('over loopback', () => {
  let server: EventStoreServer;
  beforeAll(async () => {
    server = await startEventStoreServer();
  });
  afterAll(() => server.close());

  describeLog('the log on KurrentDB with files as its cache', () =>
    openOn(`esdb://127.0.0.1:${server.front.port}?tls=false`),
  );
});

const url = process.env.KURRENTDB_URL;
const why = url === undefined ? ' (skipped: KURRENTDB_URL names no server; see docs/kurrentdb.md)' : '';
describe.skipIf(url === undefined)(`on a real server${why}`, () => {
  describeLog('the log on KurrentDB with files as its cache', () => openOn(url ?? ''));
});
