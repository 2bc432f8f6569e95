import { describe, expect, it } from 'vitest';
import { memoryLog } from '../../../src/adapters/log-memory/memory-log.ts';
import { Rejection } from '../../../src/domain/rejection.ts';
import type { Log } from '../../../src/engine/ports/log.ts';
import { appendBatches, at, event, events, positionsOf, readAll, upTo } from '../../support/log-events.ts';
import { givenCopies, inStep, until } from './given-copies.ts';
import { givenServers, quick, urlOf } from './given-server.ts';

const { start, open, hostId, stream } = givenServers();
const { ship, cache } = givenCopies(hostId);

/** A log whose disk is full until it is told otherwise. */
const fullDisk = (inner: Log): Log & { space: boolean } => ({
  space: false,
  get head() {
    return inner.head;
  },
  get durable() {
    return inner.durable;
  },
  horizon: inner.horizon,
  append(batch, expected) {
    if (!this.space) return Promise.reject(new Rejection('resource-exhausted', 'the disk is full'));
    return inner.append(batch, expected);
  },
  read: (range) => inner.read(range),
  subscribe: (from) => inner.subscribe(from),
  settled: (position) => inner.settled(position),
  close: () => inner.close(),
});

describe('a log that is kept on the server', () => {
  it('has its events in the files a moment later', async () => {
    const { log, local } = await cache(urlOf(await start()));
    await appendBatches(log, [1, 20]);
    await until(log, inStep);
    expect(await readAll(local)).toEqual(await readAll(log));
  });

  it('acknowledges nothing that the server does not have', async () => {
    const server = await start();
    const { log, local } = await cache(urlOf(server));
    await appendBatches(log, [2]);
    await server.front.shut();
    await expect(log.append([event(2)], at(2))).rejects.toMatchObject({ code: 'unavailable' });
    expect([log.head, log.durable, local.head]).toEqual([2n, 2n, 2n]);
    await server.front.reopen();
    expect(await log.append([event(3)], at(2))).toBe(3n);
    await until(log, inStep);
    expect(positionsOf(await readAll(local))).toEqual([0, 1, 2]);
  });

  it('fetches the tail that the files lack after a crash', async () => {
    const server = await start();
    await appendBatches(await open(urlOf(server)), [40]);
    const local = memoryLog();
    await local.append(events(0, 7), at(0));
    const { log } = await cache(urlOf(server), local);
    expect(positionsOf(await readAll(log))).toEqual(upTo(40));
    await until(log, inStep);
    expect(positionsOf(await readAll(local))).toEqual(upTo(40));
  });

  it('goes on while the disk of the files is full', async () => {
    const server = await start();
    const local = fullDisk(memoryLog());
    const { log } = await cache(urlOf(server), local);
    await appendBatches(log, [5, 5]);
    const status = await until(log, ({ state }) => state === 'waiting');
    expect(status).toMatchObject({ mode: 'primary', lagEvents: 10n });
    expect(positionsOf(await readAll(log, { backward: true }))).toEqual(upTo(10).reverse());
    local.space = true;
    await until(log, inStep);
    expect(positionsOf(await readAll(local))).toEqual(upTo(10));
  });

  it('starts from files that a replica shipped', async () => {
    const server = await start();
    const local = memoryLog();
    await appendBatches(local, [30]);
    const shipper = ship(local, urlOf(server));
    await until(shipper, inStep);
    await shipper.stop(1000);
    const { log } = await cache(urlOf(server), local);
    expect(await appendBatches(log, [1])).toBe(31n);
  });

  it('refuses to start without the server', async () => {
    const server = await start();
    await server.front.shut();
    await expect(cache(urlOf(server))).rejects.toMatchObject({ code: 'unavailable' });
  });
});

describe('files that do not fit', () => {
  it.each([
    { what: 'have more', theirs: [0, 1], ours: [0, 1, 2], words: 'mode = "replica" until info shows no lag' },
    { what: 'tell another history', theirs: [0, 1, 2, 3], ours: [0, 9], words: 'from position 1 on' },
  ])('since they $what are refused', async ({ theirs, ours, words }) => {
    const server = await start();
    const other = await open(urlOf(server));
    for (const n of theirs) await other.append([event(n)], other.head);
    const local = memoryLog();
    for (const n of ours) await local.append([event(n)], local.head);
    await expect(cache(urlOf(server), local)).rejects.toMatchObject({
      code: 'failed-precondition',
      message: expect.stringContaining(words),
    });
    expect(server.streams.events(stream)).toHaveLength(theirs.length);
    expect(local.head).toBe(BigInt(ours.length));
  });
});

describe('a second daemon', () => {
  it('fences the first out, which is told and writes no more', async () => {
    const server = await start();
    const one = await cache(urlOf(server));
    await appendBatches(one.log, [2]);
    const two = await open(urlOf(server), quick);
    await two.append([event(50)], at(2));
    await expect(one.log.append([event(2)], at(2))).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining('Another daemon uses the id of this host'),
    });
    expect(one.fencedOut).toHaveLength(1);
    await expect(one.log.append([event(2)], at(2))).rejects.toMatchObject({ code: 'unavailable' });
    expect(positionsOf(await readAll(one.local))).toEqual([0, 1]);
    expect(server.streams.events(stream)).toHaveLength(3);
  });
});
