import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { memoryLog } from '../../../src/adapters/log-memory/memory-log.ts';
import type { EventStoreServer } from '../../support/eventstoredb-server.ts';
import { appendBatches, at, event, events, readAll, upTo } from '../../support/log-events.ts';
import { givenCopies, inStep, patient, until } from './given-copies.ts';
import { givenServers, urlOf } from './given-server.ts';

const { start, open, hostId, stream } = givenServers();
const { ship } = givenCopies(hostId);

/** Numbers of the events in the stream, in its order. */
const shipped = (server: EventStoreServer): number[] =>
  server.streams
    .events(stream)
    .map(({ data }) => (JSON.parse(Buffer.from(data).toString()) as { n: number }).n);

describe('a replica', () => {
  it('gets what is there, then what comes', async () => {
    const server = await start();
    const log = memoryLog();
    await appendBatches(log, [3, 700]);
    const shipper = ship(log, urlOf(server));
    await until(shipper, inStep);
    await appendBatches(log, [1, 2]);
    expect(await until(shipper, inStep)).toMatchObject({ position: 706n, lagTime: 0 });
    expect(shipped(server)).toEqual(upTo(706));
  });

  it('reads back as the log that it is of', async () => {
    const server = await start();
    const log = memoryLog();
    await appendBatches(log, [1, 40]);
    await until(ship(log, urlOf(server)), inStep);
    expect(await readAll(await open(urlOf(server)))).toEqual(await readAll(log));
  });

  it('goes on where the stream ends', async () => {
    const server = await start();
    const log = memoryLog();
    await appendBatches(log, [10]);
    const first = ship(log, urlOf(server));
    await until(first, inStep);
    await first.stop(1000);
    await appendBatches(log, [5]);
    expect(shipped(server)).toEqual(upTo(10));
    await until(ship(log, urlOf(server)), inStep);
    expect(shipped(server)).toEqual(upTo(15));
  });

  it('has every event once, in order, whatever breaks', async () => {
    const server = await start();
    const log = memoryLog();
    const shipper = ship(log, urlOf(server));
    for (const round of upTo(12)) {
      await appendBatches(log, [97, 1, 30]);
      if (round % 3 === 0) server.knobs.breakAppends = { count: 2, when: 'after' };
      if (round % 3 === 1) server.knobs.breakAppends = { count: 2, when: 'before' };
      if (round === 5) server.knobs.muteAppends = 1;
      if (round === 8) server.streams.forgetful = true;
      await sleep(20);
      server.front.cut();
    }
    await until(shipper, inStep);
    expect(shipped(server)).toEqual(upTo(12 * 128));
  });

  it('splits what is too large for one append', async () => {
    const server = await start();
    server.knobs.maxAppendBytes = 1024 * 1024;
    const log = memoryLog();
    const large = { text: 'x'.repeat(90_000) };
    await log.append(
      upTo(40).map((n) => event(n, large)),
      at(0),
    );
    await until(ship(log, urlOf(server)), inStep);
    expect(shipped(server)).toEqual(upTo(40));
  });
});

describe('an outage', () => {
  it('holds up no append, is told, and is caught up with', async () => {
    const server = await start();
    const log = memoryLog();
    await appendBatches(log, [5]);
    const shipper = ship(log, urlOf(server));
    await until(shipper, inStep);
    await server.front.shut();
    const before = performance.now();
    for (const _ of upTo(50)) await appendBatches(log, [10]);
    expect(performance.now() - before).toBeLessThan(4000);
    const status = await until(shipper, ({ state }) => state === 'waiting');
    expect(status).toMatchObject({ position: 5n, lagEvents: 500n });
    expect(status.lagTime).toBeGreaterThan(0);
    expect(status.lastError?.message).toContain(stream);
    await server.front.reopen();
    expect((await until(shipper, inStep)).lastError).toBeDefined();
    expect(shipped(server)).toEqual(upTo(505));
  });

  it('from the start on is waited out', async () => {
    const server = await start();
    await server.front.shut();
    const log = memoryLog();
    await appendBatches(log, [3]);
    const shipper = ship(log, urlOf(server));
    expect(await until(shipper, ({ state }) => state === 'waiting')).toMatchObject({ lagEvents: 3n });
    await server.front.reopen();
    await until(shipper, inStep);
    expect(shipped(server)).toEqual([0, 1, 2]);
  });

  it('does not hold up a stop', async () => {
    const server = await start();
    const log = memoryLog();
    const shipper = ship(log, urlOf(server));
    await until(shipper, inStep);
    await server.front.shut();
    await appendBatches(log, [3]);
    const before = performance.now();
    await shipper.stop(1500);
    expect(performance.now() - before).toBeLessThan(4000);
  });

  it.each(['login', 'denied', 'leader'] as const)(
    'of rights or of the leader (%s) passes too',
    async (what) => {
      const [server, other] = [await start(), await start()];
      const log = memoryLog();
      await appendBatches(log, [2]);
      await other.front.shut();
      if (what === 'login') server.knobs.login = 'ada:s3cret';
      if (what === 'denied') server.knobs.denied = true;
      if (what === 'leader') server.knobs.leader = { address: '127.0.0.1', port: other.front.port };
      const shipper = ship(log, urlOf(server));
      await until(shipper, ({ state }) => state === 'waiting');
      Object.assign(server.knobs, { login: undefined, denied: false, leader: undefined });
      await until(shipper, inStep);
      expect(shipped(server)).toEqual([0, 1]);
    },
  );
});

describe('a stop', () => {
  it('ships the rest first', async () => {
    const server = await start();
    server.knobs.appendDelayMs = 20;
    const log = memoryLog();
    const shipper = ship(log, urlOf(server), patient);
    await until(shipper, inStep);
    await appendBatches(log, [300, 300]);
    await shipper.stop(20_000);
    expect(shipped(server)).toEqual(upTo(600));
  });
});

describe('a stream that is not of this log', () => {
  it.each([
    { what: 'another history', theirs: [0, 1, 99, 100], ours: 6, words: 'from position 2 on they are two' },
    { what: 'more than we have', theirs: [0, 1, 2], ours: 2, words: 'it has 2 events, the copy 3' },
  ])('($what) is not written to', async ({ theirs, ours, words }) => {
    const server = await start();
    const other = await open(urlOf(server));
    for (const n of theirs) await other.append([event(n)], other.head);
    const log = memoryLog();
    await log.append(events(0, ours), at(0));
    const shipper = ship(log, urlOf(server));
    const status = await until(shipper, ({ state }) => state === 'stopped');
    expect(status.lastError?.message).toContain(words);
    await appendBatches(log, [3]);
    expect(shipped(server)).toEqual(theirs);
  });

  it('since another daemon took it over under way is left to it', async () => {
    const server = await start();
    const log = memoryLog();
    await appendBatches(log, [2]);
    const shipper = ship(log, urlOf(server));
    await until(shipper, inStep);
    const other = await open(urlOf(server));
    await other.append([event(77)], at(2));
    await appendBatches(log, [1]);
    const status = await until(shipper, ({ state }) => state === 'stopped');
    expect(status.lastError?.message).toContain('from position 2 on');
    expect(shipped(server)).toEqual([0, 1, 77]);
  });

  it('but an old copy of it gets what it lacks', async () => {
    const server = await start();
    const log = memoryLog();
    await appendBatches(log, [9]);
    const shipper = ship(log, urlOf(server));
    await until(shipper, inStep);
    server.streams.truncate(stream, 4);
    await appendBatches(log, [1]);
    await until(shipper, ({ position }) => position === 10n);
    expect(shipped(server)).toEqual(upTo(10));
  });
});
