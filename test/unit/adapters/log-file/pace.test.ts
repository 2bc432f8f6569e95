import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { Pace } from '../../../../src/adapters/log-file/pace.ts';

const work = (ms: number): void => {
  for (const start = performance.now(); performance.now() - start < ms; ) Math.sqrt(start);
};

describe('the pace of writes', () => {
  it('is not held to be set by the disk before anything was written', () => {
    expect(new Pace().diskBound).toBe(false);
  });

  it('is set by the disk where the event loop has nothing to do meanwhile, and by the processor where it has', async () => {
    const pace = new Pace();
    await sleep(40);
    pace.note();
    expect(pace.diskBound).toBe(true);
    for (let turn = 0; turn < 10; turn += 1) {
      work(10);
      await new Promise((resolve) => setImmediate(resolve));
    }
    pace.note();
    expect(pace.diskBound).toBe(false);
  });
});
