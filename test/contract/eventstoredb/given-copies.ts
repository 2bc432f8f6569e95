import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach } from 'vitest';
import { openEventStoreLog } from '../../../src/adapters/eventstoredb/event-store-log.ts';
import { createClock } from '../../../src/adapters/linux/clock.ts';
import { memoryLog } from '../../../src/adapters/log-memory/memory-log.ts';
import type { Rejection } from '../../../src/domain/rejection.ts';
import { misfitOfReplica } from '../../../src/engine/meeting.ts';
import type { Log } from '../../../src/engine/ports/log.ts';
import type { CopyStatus, LogCopy } from '../../../src/engine/ports/replica.ts';
import { Replicator } from '../../../src/engine/replicator.ts';
import { openWriteThroughLog } from '../../../src/engine/write-through-log.ts';
import { quietLogger } from '../../support/task.ts';

/** Short, so that an outage of a test is a long one; a shipper that gave up too soon comes back. */
const hasty = { deadlineMs: 300, giveUpAfterMs: 100 };
/** Where giving up is a failure: a command's, or that of a last stop. A loaded machine gets time to answer. */
export const patient = { deadlineMs: 5000, giveUpAfterMs: 300 };
const clock = createClock('boot-1');
const shared = { clock, logger: quietLogger, jitter: () => 0, place: () => 'the server of the tests' };

/** Copies that end with the test they were made in. */
export const givenCopies = (hostId: string) => {
  const made: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const end of made.splice(0).reverse()) await end();
  });
  return {
    /** Ships a log to a server. */
    ship: (source: Log, connectionString: string, limits = hasty): Replicator => {
      const shipper = new Replicator({
        ...shared,
        mode: 'replica',
        source,
        open: (signal) => openEventStoreLog({ connectionString, hostId, signal, limits }),
        misfit: misfitOfReplica,
      });
      shipper.start();
      made.push(() => shipper.stop(0));
      return shipper;
    },
    /** Opens a log on a server with another as its cache. */
    cache: async (connectionString: string, local: Log = memoryLog()) => {
      const fencedOut: Rejection[] = [];
      const remote = await openEventStoreLog({ connectionString, hostId, limits: patient });
      made.push(() => remote.close());
      const onFencedOut = (reason: Rejection) => fencedOut.push(reason);
      const log = await openWriteThroughLog({ ...shared, remote, local, onFencedOut });
      made.push(() => log.close());
      return { log, local, fencedOut };
    },
  };
};

/** Waits until the copy is as a test wants it. @throws Error that says how it is, after a while */
export const until = async (copy: LogCopy, wanted: (status: CopyStatus) => boolean): Promise<CopyStatus> => {
  const end = performance.now() + 20_000;
  for (;;) {
    const status = await copy.status();
    if (wanted(status)) return status;
    if (performance.now() > end) throw new Error(`the copy is ${status.state}: ${status.lastError?.message}`);
    await sleep(5);
  }
};

export const inStep = (status: CopyStatus): boolean => status.state === 'shipping' && status.lagEvents === 0n;
