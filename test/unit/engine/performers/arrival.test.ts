import { describe, expect, it } from 'vitest';
import { Arrival } from '../../../../src/engine/performers/arrival.ts';

describe('a blob on its way in', () => {
  it('can be read from its first byte on, and tells of each that comes', async () => {
    const arrival = new Arrival(10);
    const growing = arrival.growth();
    arrival.began('/ingest/data', 0);
    arrival.grew(4);
    const growth = await growing;
    expect(growth).toMatchObject({ path: '/ingest/data', size: 10 });
    expect(await growth?.beyond(3)).toBe(4);
    const more = growth?.beyond(4);
    arrival.grew(7);
    expect(await more).toBe(7);
    const rest = growth?.beyond(9);
    arrival.finish();
    expect(await rest).toBe(10);
  });

  it('begins with what an earlier try left', async () => {
    const arrival = new Arrival(10);
    arrival.began('/ingest/data', 6);
    expect(await (await arrival.growth())?.beyond(0)).toBe(6);
  });

  it('is read where it grew until it is in its place, also when all bytes are there', async () => {
    const arrival = new Arrival(10);
    arrival.began('/ingest/data', 10);
    expect(await arrival.growth()).toMatchObject({ path: '/ingest/data' });
    arrival.finish();
    expect(await arrival.growth()).toBeUndefined();
  });

  it('is a whole file where it was there before', async () => {
    const arrival = new Arrival(10);
    const growing = arrival.growth();
    arrival.finish();
    expect(await growing).toBeUndefined();
  });

  it('is a whole file where it has no bytes', async () => {
    expect(await new Arrival(0).growth()).toBeUndefined();
  });

  it('tells all who wait, and all who ask later, that no more will come', async () => {
    const arrival = new Arrival(10);
    arrival.began('/ingest/data', 2);
    const growth = await arrival.growth();
    const waiting = growth?.beyond(2);
    arrival.fail(new Error('reset'));
    await expect(waiting).rejects.toThrow('reset');
    await expect(growth?.beyond(5)).rejects.toThrow('reset');
    expect(await growth?.beyond(1)).toBe(2);
  });
});
