import { describe, expect, it } from 'vitest';
import { followHost } from '../../../src/adapters/eventstoredb/follow.ts';
import type { StoredEvent } from '../../../src/adapters/eventstoredb/stored-event.ts';
import type { EventStoreServer } from '../../support/eventstoredb-server.ts';
import { appendBatches, at, upTo } from '../../support/log-events.ts';
import { givenServers, urlOf } from './given-server.ts';

const { start, open, hostId, stream } = givenServers();

/** Follows until `count` events have come. */
const follow = async (server: EventStoreServer, from: number, count: number): Promise<StoredEvent[]> => {
  const ending = new AbortController();
  const { signal } = ending;
  const seen: StoredEvent[] = [];
  const options = { connectionString: urlOf(server), hostId, from: at(from), signal };
  for await (const stored of followHost(options)) {
    seen.push(stored);
    if (seen.length === count) ending.abort();
  }
  return seen;
};
const positions = (seen: readonly StoredEvent[]) => seen.map(({ event }) => Number(event.position));

describe("following another host's log", () => {
  it('gives what is there, then what comes', async () => {
    const server = await start();
    const log = await open(urlOf(server));
    await appendBatches(log, [4]);
    const following = follow(server, 1, 6);
    await appendBatches(log, [1, 2]);
    expect(positions(await following)).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it('waits for a log that does not exist yet', async () => {
    const server = await start();
    const following = follow(server, 0, 3);
    const log = await open(urlOf(server));
    await appendBatches(log, [1, 2]);
    expect(positions(await following)).toEqual([0, 1, 2]);
  });

  it('has no gap and no repeat however often the connection is lost', async () => {
    const server = await start();
    const log = await open(urlOf(server));
    await appendBatches(log, [200]);
    server.knobs.breakReads = { count: 4, after: 37 };
    const following = follow(server, 0, 260);
    for (const _ of upTo(12)) {
      await appendBatches(log, [5]);
      await new Promise((resolve) => setTimeout(resolve, 30));
      server.front.cut();
    }
    expect(positions(await following)).toEqual(upTo(260));
  });

  it('says when the server took an event', async () => {
    const server = await start();
    const log = await open(urlOf(server));
    const before = Date.now() * 1000;
    await appendBatches(log, [1]);
    const [stored] = await follow(server, 0, 1);
    expect(stored?.storedAt).toBeGreaterThanOrEqual(before);
    expect(stored?.storedAt).toBeLessThanOrEqual(Date.now() * 1000);
    expect(stored?.id).toBe(server.streams.events(stream)[0]?.id);
  });

  it('ends with words where trying again makes no sense', async () => {
    const server = await start();
    server.knobs.denied = true;
    await expect(follow(server, 0, 1)).rejects.toMatchObject({ code: 'permission-denied' });
  });
});
