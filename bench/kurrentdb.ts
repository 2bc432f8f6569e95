import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openEventStoreLog } from '../src/adapters/eventstoredb/event-store-log.ts';
import { followHost } from '../src/adapters/eventstoredb/follow.ts';
import { createClock } from '../src/adapters/linux/clock.ts';
import { openFileLog } from '../src/adapters/log-file/file-log.ts';
import { createLogger } from '../src/adapters/logging/logger.ts';
import { type Envelope, Subject } from '../src/domain/envelope.ts';
import { position, Timestamp } from '../src/domain/identity.ts';
import { misfitOfReplica } from '../src/engine/meeting.ts';
import type { Log } from '../src/engine/ports/log.ts';
import { Replicator } from '../src/engine/replicator.ts';
import { openWriteThroughLog } from '../src/engine/write-through-log.ts';
import { startEventStoreServer } from '../test/support/eventstoredb-server.ts';
import type { Bench, Figure } from './rig/figures.ts';
import { median, quantile } from './rig/statistics.ts';

/**
 * What the log takes and gives over KurrentDB's protocol: `npm run bench -- kurrentdb [SECONDS] [EVENTS]`.
 *
 * Against the server of the tests, in this very process: both ends share one thread, and nothing is written to a disk. So
 * this is what the adapter, gRPC and loopback cost, and no figure of KurrentDB. With KURRENTDB_URL set it is measured
 * against that server instead, on a stream `shiplog-bench-…` that stays there.
 */
export const main: Bench = async (args) => {
  const seconds = Number(args[0] ?? 3);
  const count = Number(args[1] ?? 50_000);
  const url = process.env.KURRENTDB_URL;
  const server = url === undefined ? await startEventStoreServer() : undefined;
  const connectionString = url ?? `esdb://127.0.0.1:${server?.direct}?tls=false`;
  const hostId = `bench-${process.pid}-${Date.now()}`;
  const log = await openEventStoreLog({ connectionString, hostId });
  const figures: Figure[] = [];
  for (const appenders of [1, 16, 256]) figures.push(...(await appending(log, appenders, seconds)));
  while (log.head < count) {
    const batch = Array.from({ length: 500 }, (_, n) => sample(n));
    await log.append(batch, log.head);
  }
  for (const backward of [false, true]) figures.push(await reading(log, backward));
  figures.push(await catchingUp(connectionString, hostId, Number(log.head)));
  await log.close();
  figures.push(...(await replica(connectionString, `${hostId}-replica`, count)));
  figures.push(...(await primary(connectionString, `${hostId}-primary`, seconds)));
  await server?.close();
  const where =
    url === undefined ? 'the server of the tests, in this process, in memory' : 'a server of its own';
  return [{ title: `KurrentDB's protocol, against ${where}`, figures }];
};

const reading = async (log: Log, backward: boolean): Promise<Figure> => {
  const start = performance.now();
  let read = 0;
  for await (const batch of log.read({ backward })) read += batch.length;
  if (read !== Number(log.head)) throw new Error(`read ${read} of ${log.head} events`);
  return { name: `reading ${backward ? 'backward' : 'forward'}`, unit: '/s', ours: [perSecond(read, start)] };
};

const inFiles = async <T>(use: (local: Log) => Promise<T>): Promise<T> => {
  const directory = await mkdtemp(join(tmpdir(), 'shiplog-bench-kurrentdb-'));
  const local = await openFileLog({ directory });
  try {
    return await use(local);
  } finally {
    await local.close();
    await rm(directory, { recursive: true });
  }
};

const clock = createClock('bench');
const logger = createLogger({ level: 'error', format: 'text' });
const place = () => 'the bench';
const jitter = Math.random;

/** A replica that begins with nothing: what a host ships in an hour of outage, and more. */
const replica = (connectionString: string, hostId: string, count: number): Promise<readonly Figure[]> =>
  inFiles(async (local) => {
    while (local.head < count) {
      await local.append(
        Array.from({ length: 500 }, (_, n) => sample(n)),
        local.head,
      );
    }
    const shipper = new Replicator({
      ...{ mode: 'replica', source: local, misfit: misfitOfReplica, place, clock, logger, jitter },
      open: (signal) => openEventStoreLog({ connectionString, hostId, signal }),
    });
    const start = performance.now();
    shipper.start();
    while ((await shipper.status()).lagEvents > 0n) await clock.sleep(5);
    const shipped = perSecond(Number(local.head), start);
    const detail = `${Number(local.head).toLocaleString('en')} events`;
    const latencies: number[] = [];
    for (const until = performance.now() + 1000; performance.now() < until; ) {
      const begin = performance.now();
      await local.append([sample(0)], local.head);
      latencies.push(performance.now() - begin);
    }
    await shipper.stop(5000);
    return [
      { name: 'replica catching up', detail, unit: '/s', ours: [shipped] },
      { name: 'append to the files while they are shipped', unit: 'ms', ours: [median(latencies)] },
    ];
  });

/** What a command waits for. */
const primary = (connectionString: string, hostId: string, seconds: number): Promise<readonly Figure[]> =>
  inFiles(async (local) => {
    const remote = await openEventStoreLog({ connectionString, hostId });
    const log = await openWriteThroughLog({
      ...{ remote, local, place, clock, logger, jitter },
      onFencedOut: (reason) => {
        throw reason;
      },
    });
    const figures: Figure[] = [];
    for (const appenders of [1, 16]) figures.push(...(await appending(log, appenders, seconds, 'primary, ')));
    await log.close();
    return figures;
  });

/** As large as a typical event of ours: about 370 bytes of JSON. */
const sample = (n: number): Envelope => ({
  type: 'task.started',
  version: 1,
  subject: Subject.parse('container/default/3f2a9c1be07d'),
  data: { pid: 48_213, namespace: 'default', container: '3f2a9c1be07d', n },
  meta: {
    actor: { uid: 0, gid: 0, pid: 4711, exe: '/usr/bin/shiplog', client: 'shiplog 0.1.0' },
    time: { wall: Timestamp.parse(1_763_695_753_000_000), mono: 981_231_123, boot: '5f0c5c0e-5f7e-4a7e' },
    correlation: '01jd8kq3v5w9x7y2z4a6b8c0d1',
    causation: '48211',
  },
});

const perSecond = (count: number, since: number): number => (count / (performance.now() - since)) * 1000;

const appending = async (
  log: Log,
  appenders: number,
  seconds: number,
  what = '',
): Promise<readonly Figure[]> => {
  const latencies: number[] = [];
  const start = performance.now();
  const one = async (): Promise<void> => {
    for (let now = start; now < start + seconds * 1000; ) {
      const begin = performance.now();
      await log.append([sample(latencies.length)], log.head);
      now = performance.now();
      latencies.push(now - begin);
    }
  };
  await Promise.all(Array.from({ length: appenders }, one));
  const name = `${what}${appenders} appender${appenders === 1 ? '' : 's'}`;
  return [
    { name, unit: '/s', ours: [perSecond(latencies.length, start)] },
    { name: `${name}: p50`, unit: 'ms', ours: [quantile(latencies, 0.5)] },
    { name: `${name}: p99`, unit: 'ms', ours: [quantile(latencies, 0.99)] },
  ];
};

const catchingUp = async (connectionString: string, hostId: string, total: number): Promise<Figure> => {
  const ending = new AbortController();
  const { signal } = ending;
  const start = performance.now();
  let [seen, rate] = [0, 0];
  for await (const _ of followHost({ connectionString, hostId, from: position(0n), signal })) {
    seen += 1;
    if (seen === total) {
      rate = perSecond(seen, start);
      ending.abort();
    }
  }
  const detail = `${total.toLocaleString('en')} events`;
  return { name: 'catching up with a subscription', detail, unit: '/s', ours: [rate] };
};
