import { describe, expect, it } from 'vitest';
import type { HeldEvent } from '../../support/eventstoredb-streams.ts';
import { appendBatches, at, event, positionsOf, readAll, upTo } from '../../support/log-events.ts';
import { givenServers, quick, urlOf } from './given-server.ts';

const { start, open, stream } = givenServers();

describe('reading', () => {
  it.each([{ backward: false }, { backward: true }])('goes on after a lost connection: %o', async (range) => {
    const server = await start();
    const log = await open(urlOf(server));
    await appendBatches(log, [400, 400]);
    server.knobs.breakReads = { count: 3, after: 300 };
    const read = positionsOf(await readAll(log, range));
    expect(range.backward ? read.reverse() : read).toEqual(upTo(800));
    expect(server.knobs.breakReads.count).toBe(0);
  });

  it('does not take a lost connection for an empty stream when it opens', async () => {
    const server = await start();
    await appendBatches(await open(urlOf(server)), [3]);
    for (const _ of upTo(10)) {
      server.knobs.breakReads = { count: 2, after: 0 };
      expect((await open(urlOf(server))).head).toBe(3n);
    }
  });

  it('goes on after the server fell silent', async () => {
    const server = await start();
    const log = await open(urlOf(server), { deadlineMs: 150 });
    await appendBatches(log, [300]);
    server.knobs.muteReads = 2;
    expect(positionsOf(await readAll(log))).toEqual(upTo(300));
  });

  it('does not take a slow reader for a silent server', async () => {
    const server = await start();
    const log = await open(urlOf(server), quick);
    await appendBatches(log, [600]);
    const before = server.calls.read;
    let count = 0;
    for await (const batch of log.read()) {
      await new Promise((resolve) => setTimeout(resolve, 350));
      count += batch.length;
    }
    expect(count).toBe(600);
    expect(server.calls.read).toBe(before + 1);
  });

  it('hands out large events a few at a time', async () => {
    const server = await start();
    const log = await open(urlOf(server));
    for (const n of upTo(8)) await log.append([event(n, { text: 'x'.repeat(500_000) })], at(n));
    const sizes: number[] = [];
    for await (const batch of log.read()) sizes.push(batch.length);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(3);
  });

  it('names what is missing, and skips nothing', async () => {
    const server = await start();
    const log = await open(urlOf(server));
    await appendBatches(log, [5]);
    server.streams.truncate(stream, 3);
    await expect(readAll(log)).rejects.toMatchObject({
      code: 'data-loss',
      message: expect.stringContaining('event 3'),
    });
  });

  const foreign: HeldEvent = {
    id: '0b8e4f0c-4f6e-4b0e-8a53-0e0f7f0d9a11',
    type: 'something.else',
    contentType: 'application/json',
    data: Buffer.from('{}'),
    metadata: Buffer.from('{}'),
    created: 17_000_000_000_000_000n,
  };
  it.each([
    { ...foreign },
    { ...foreign, metadata: Buffer.from('') },
    { ...foreign, contentType: 'application/octet-stream' },
    { ...foreign, data: Buffer.from('{') },
  ])('an event of somebody else: opening says so', async (event) => {
    const server = await start();
    server.streams.append(stream, 'no-stream', [event]);
    await expect(open(urlOf(server))).rejects.toMatchObject({
      code: 'data-loss',
      message: expect.stringContaining(`event 0 of the stream ${stream}`),
    });
    server.streams.truncate(stream, 0);
  });
});
