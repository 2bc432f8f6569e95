import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { createTurns } from '../../../../src/adapters/blobs/turns.ts';

describe('turns', () => {
  it('keep work on one key apart and in order, also when some of it fails', async () => {
    const turns = createTurns();
    const told: string[] = [];
    const work = (name: string, ms: number, fails = false) =>
      turns.take('key', async () => {
        told.push(`${name} begins`);
        await sleep(ms);
        told.push(`${name} ends`);
        if (fails) throw new Error(name);
        return name;
      });
    const settled = await Promise.allSettled([work('a', 15), work('b', 1, true), work('c', 0)]);
    expect(settled.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(told).toEqual(['a begins', 'a ends', 'b begins', 'b ends', 'c begins', 'c ends']);
  });

  it('do not make one key wait for another', async () => {
    const turns = createTurns();
    let release = (): void => {};
    const held = turns.take('held', () => new Promise<void>((resolve) => (release = resolve)));
    expect(await turns.take('free', async () => 'done')).toBe('done');
    release();
    await held;
  });
});
