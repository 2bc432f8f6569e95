import { describe, expect, it } from 'vitest';
import { appendBatches, at, event, events, positionsOf, readAll, upTo } from '../../support/log-events.ts';
import { givenServers, quick, urlOf } from './given-server.ts';

const { start, open, stream } = givenServers();

describe('appending', () => {
  it('goes on where the stream ends', async () => {
    const server = await start();
    const first = await open(urlOf(server));
    await appendBatches(first, [1, 3]);
    await first.close();
    const second = await open(urlOf(server));
    expect([second.head, second.durable]).toEqual([4n, 4n]);
    await appendBatches(second, [2]);
    expect(positionsOf(await readAll(second))).toEqual(upTo(6));
  });

  it('puts what gathered during a call into the next, never a part of a batch', async () => {
    const server = await start();
    server.knobs.appendDelayMs = 20;
    const log = await open(urlOf(server), { groupEvents: 10 });
    await Promise.all(upTo(12).map(() => log.append(events(Number(log.head), 3), log.head)));
    expect(server.calls.append).toBe(4);
    expect(await readAll(log)).toHaveLength(36);
  });

  it('keeps type, data and the rest apart for other readers of the stream', async () => {
    const server = await start();
    const log = await open(urlOf(server));
    await log.append([event(5)], at(0));
    const [held] = server.streams.events(stream);
    expect(held).toMatchObject({ type: 'test.happened', contentType: 'application/json' });
    expect(JSON.parse(Buffer.from(held?.data ?? []).toString())).toEqual({ n: 5 });
    expect(JSON.parse(Buffer.from(held?.metadata ?? []).toString())).toEqual({
      version: 1,
      subject: 'container/default/c1',
      meta: event(5).meta,
    });
  });

  it('keeps names of the server itself out', async () => {
    const log = await open(urlOf(await start()));
    const appending = log.append([{ ...event(0), type: '$settings' }], at(0));
    await expect(appending).rejects.toMatchObject({ code: 'invalid-argument' });
  });
});

describe('a second daemon', () => {
  it('fences the first one out, for good', async () => {
    const server = await start();
    const [one, two] = [await open(urlOf(server)), await open(urlOf(server))];
    const failed = new Promise((resolve) => {
      one.subscribe(at(0)).subscribe({ error: resolve });
    });
    await appendBatches(one, [2]);
    await expect(two.append([event(9)], at(0))).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining('Another daemon uses the id of this host'),
    });
    const third = await open(urlOf(server));
    await third.append([event(2)], at(2));
    const pending = [one.append([event(7)], at(2)), one.append([event(8)], at(3))];
    const settled = await Promise.allSettled(pending);
    for (const result of settled) expect(result).toMatchObject({ reason: { code: 'unavailable' } });
    expect(await failed).toMatchObject({ code: 'unavailable' });
    expect([one.head, one.durable]).toEqual([2n, 2n]);
    await expect(one.append([event(3)], at(2))).rejects.toMatchObject({ code: 'unavailable' });
    expect(positionsOf(await readAll(one))).toEqual([0, 1]);
    expect(server.streams.stored).toBe(2);
    await third.append([event(3)], at(3));
  });

  it('is not taken in by events of the same position and another content', async () => {
    const server = await start();
    const [one, two] = [await open(urlOf(server)), await open(urlOf(server))];
    const results = await Promise.allSettled([one.append([event(1)], at(0)), two.append([event(2)], at(0))]);
    expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(server.streams.events(stream)).toHaveLength(1);
  });

  it('that restored an old copy is noticed', async () => {
    const server = await start();
    const log = await open(urlOf(server));
    await appendBatches(log, [5]);
    server.streams.truncate(stream, 3);
    await expect(log.append([event(5)], at(5))).rejects.toMatchObject({
      code: 'data-loss',
      message: expect.stringContaining('the stream has 3 events'),
    });
  });
});

describe('an append whose answer is lost', () => {
  it.each(['before', 'after'] as const)('%s it was stored is stored once', async (when) => {
    const server = await start();
    const log = await open(urlOf(server));
    await appendBatches(log, [2]);
    server.knobs.breakAppends = { count: 2, when };
    expect(await log.append(events(2, 3), at(2))).toBe(5n);
    expect(server.calls.append).toBe(4);
    expect(await log.append([event(5)], at(5))).toBe(6n);
    expect(positionsOf(await readAll(log))).toEqual(upTo(6));
    expect(server.streams.events(stream)).toHaveLength(6);
  });

  it('is found in the stream where the server does not know it again', async () => {
    const server = await start();
    server.streams.forgetful = true;
    const log = await open(urlOf(server));
    server.knobs.breakAppends = { count: 1, when: 'after' };
    expect(await log.append(events(0, 3), at(0))).toBe(3n);
    expect(await log.append([event(3)], at(3))).toBe(4n);
    expect(server.streams.events(stream)).toHaveLength(4);
  });

  it.each([
    { what: 'another daemon', theirs: 5, stored: 2, code: 'unavailable', words: 'Another daemon' },
    { what: 'a part of itself', theirs: 0, stored: 1, code: 'data-loss', words: 'only a part' },
  ])('and was overtaken by $what is not taken for stored', async ({ theirs, stored, code, words }) => {
    const [server, elsewhere] = [await start(), await start()];
    const other = await open(urlOf(elsewhere));
    await other.append(events(theirs, 2), at(0));
    const log = await open(urlOf(server));
    server.knobs.breakAppends = { count: 1000, when: 'before' };
    const appending = log.append(events(0, 2), at(0));
    const refused = expect(appending).rejects.toMatchObject({
      code,
      message: expect.stringContaining(words),
    });
    while (server.knobs.breakAppends.count === 1000) await new Promise((resolve) => setTimeout(resolve, 1));
    server.streams.append(stream, 'no-stream', elsewhere.streams.events(stream).slice(0, stored));
    server.knobs.breakAppends.count = 0;
    await refused;
    expect(server.streams.events(stream)).toHaveLength(stored);
  });

  it('because the server fell silent is stored once', async () => {
    const server = await start();
    const log = await open(urlOf(server), { deadlineMs: 200 });
    server.knobs.muteAppends = 1;
    const both = [log.append(events(0, 2), at(0)), log.append([event(2)], at(2))];
    expect(await Promise.all(both)).toEqual([2n, 3n]);
    expect(positionsOf(await readAll(log))).toEqual([0, 1, 2]);
  });

  it('fails in the end, and is told when it was stored after all', async () => {
    const server = await start();
    const log = await open(urlOf(server), quick);
    server.knobs.muteAppends = 100;
    const pending = [log.append([event(0)], at(0)), log.append([event(1)], at(1))];
    for (const result of await Promise.allSettled(pending)) {
      expect(result).toMatchObject({ reason: { code: 'deadline-exceeded' } });
    }
    expect([log.head, log.durable]).toEqual([0n, 0n]);
    server.knobs.muteAppends = 0;
    await expect(log.append([event(7)], at(0))).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining('was stored after all'),
    });
    await expect(log.append([event(7)], at(0))).rejects.toMatchObject({ code: 'unavailable' });
    const again = await open(urlOf(server));
    expect(again.head).toBe(2n);
    await again.append([event(8)], at(2));
  });
});

describe('a server out of reach', () => {
  it('is waited for', async () => {
    const server = await start();
    const log = await open(urlOf(server));
    await appendBatches(log, [1]);
    await server.front.shut();
    const appending = log.append(events(1, 2), at(1));
    setTimeout(() => void server.front.reopen(), 150);
    expect(await appending).toBe(3n);
  });

  it('fails appends after a while, and takes them again when it is back', async () => {
    const server = await start();
    const log = await open(urlOf(server), quick);
    await appendBatches(log, [1]);
    await server.front.shut();
    await expect(log.append([event(1)], at(1))).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining(`position 1 of the stream ${stream}`),
    });
    expect(log.head).toBe(1n);
    await server.front.reopen();
    expect(await log.append([event(2)], at(1))).toBe(2n);
    expect(positionsOf(await readAll(log))).toEqual([0, 1]);
  });

  it('fails opening, and closing does not wait for it', async () => {
    const server = await start();
    const log = await open(urlOf(server), quick);
    await server.front.shut();
    await expect(open(urlOf(server), quick)).rejects.toMatchObject({ code: 'unavailable' });
    const appending = log.append([event(0)], at(0));
    const refused = expect(appending).rejects.toMatchObject({ code: 'unavailable' });
    await log.close();
    await refused;
  });

  it('is found by gossip among the others', async () => {
    const server = await start();
    const dead = await start();
    await dead.front.shut();
    const { port } = server.front;
    const url = `esdb://127.0.0.1:${dead.front.port},127.0.0.1:${port}?tls=false&discoveryInterval=20`;
    const log = await open(url);
    expect(await log.append([event(0)], at(0))).toBe(1n);
  });
});

describe('a server that says no', () => {
  it('fails an append that is larger than it takes, and takes the next', async () => {
    const server = await start();
    const log = await open(urlOf(server));
    server.knobs.maxAppendBytes = 10_000;
    const large = event(0, { text: 'x'.repeat(10_000) });
    await expect(log.append([large], at(0))).rejects.toMatchObject({
      code: 'resource-exhausted',
      message: expect.stringContaining('MaxAppendSize'),
    });
    expect(log.head).toBe(0n);
    expect(await log.append([event(0)], at(0))).toBe(1n);
    expect(server.calls.append).toBe(2);
  });

  it('fails an append without the right to write at once, and takes the next', async () => {
    const server = await start();
    const log = await open(urlOf(server));
    server.knobs.denied = true;
    await expect(log.append([event(0)], at(0))).rejects.toMatchObject({ code: 'permission-denied' });
    server.knobs.denied = false;
    expect(await log.append([event(0)], at(0))).toBe(1n);
  });

  it('because it does not lead is left for the leader', async () => {
    const leader = await start();
    const follower = await start({ streams: leader.streams });
    follower.knobs.leader = { address: '127.0.0.1', port: leader.front.port };
    const log = await open(urlOf(follower));
    expect(await appendBatches(log, [1, 2])).toBe(3n);
    expect([leader.calls.append, follower.calls.append]).toEqual([2, 0]);
    leader.knobs.leader = { address: '127.0.0.1', port: follower.front.port };
    follower.knobs.leader = undefined;
    expect(await appendBatches(log, [1])).toBe(4n);
    expect(positionsOf(await readAll(log))).toEqual(upTo(4));
  });
});
