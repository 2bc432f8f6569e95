import { describe, expect, it } from 'vitest';
import { shareSync } from '../../../../src/adapters/unpack/shared-sync.ts';

/** A sync that ends when the test says so. */
const controlled = () => {
  const running: { resolve: () => void; reject: (error: Error) => void }[] = [];
  const share = shareSync(() => new Promise<void>((resolve, reject) => running.push({ resolve, reject })));
  return { running, share };
};
const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('a shared sync', () => {
  it('gives callers that come while one runs the next one, and only one', async () => {
    const { running, share } = controlled();
    const done: string[] = [];
    const first = share().then(() => done.push('first'));
    const late = ['b', 'c'].map((name) => share().then(() => done.push(name)));
    expect(running).toHaveLength(1);
    running[0]?.resolve();
    await first;
    await turn();
    expect(done).toEqual(['first']);
    expect(running).toHaveLength(2);
    running[1]?.resolve();
    await Promise.all(late);
    expect(done).toEqual(['first', 'b', 'c']);
  });

  it('fails those whose sync failed, and no others', async () => {
    const { running, share } = controlled();
    const first = share();
    const second = share();
    running[0]?.reject(new Error('EIO'));
    await expect(first).rejects.toThrow('EIO');
    await turn();
    running[1]?.resolve();
    await second;
    const third = share();
    running[2]?.resolve();
    await third;
    expect(running).toHaveLength(3);
  });
});
