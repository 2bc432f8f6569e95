import { describe, expect, it } from 'vitest';
import { HandOver } from '../../../src/engine/api/hand-over.ts';

describe('handing over', () => {
  it('gives items in order, each once the one before was taken', async () => {
    const handOver = new HandOver<number>();
    const put: number[] = [];
    const writing = (async () => {
      for (const item of [1, 2, 3]) {
        await handOver.put(item);
        put.push(item);
      }
      handOver.end();
    })();
    const seen: unknown[] = [];
    for await (const item of handOver.items()) {
      await new Promise((resolve) => setImmediate(resolve));
      seen.push([item, put.length]);
    }
    await writing;
    expect(seen).toEqual([
      [1, 0],
      [2, 1],
      [3, 2],
    ]);
  });

  it('passes the writer’s failure on to a reader that waits', async () => {
    const handOver = new HandOver<number>();
    const reading = handOver.items().next();
    const failure = new Error('full');
    handOver.drop(failure);
    await expect(reading).rejects.toBe(failure);
    await expect(handOver.put(1)).rejects.toBe(failure);
  });

  it('lets the writer of an untaken item know that the reader has gone', async () => {
    const handOver = new HandOver<number>();
    const items = handOver.items();
    const putting = handOver.put(1);
    await items.next();
    await items.return(undefined);
    const gone = new Error('gone');
    handOver.drop(gone);
    await expect(putting).rejects.toBe(gone);
  });
});
