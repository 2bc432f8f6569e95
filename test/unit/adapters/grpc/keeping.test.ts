import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { failureOf, type Serving, serving } from './serving.ts';

let served: Serving;
beforeAll(async () => {
  served = await serving();
});
afterAll(async () => served[Symbol.asyncDispose]());

const before = { moment: { case: 'position' as const, value: 9_007_199_254_740_993n } };
const meant = { position: 9_007_199_254_740_993n };

describe('keeping of the log', () => {
  it('redacts', async () => {
    const { keeping } = served.client;
    expect(await keeping.redact({ position: 7n, fields: ['/a'] })).toMatchObject({
      recordedPosition: 120n,
      archives: ['/backup'],
    });
    expect(served.last('keeping.redact').input).toEqual({ at: 7n, fields: ['/a'] });
    expect(await failureOf(keeping.redact({ position: 7n }))).toMatchObject({
      code: 'invalid-argument',
      message: expect.stringMatching(/^fields: is empty/),
    });
  });
  it('archives to an absolute path only', async () => {
    const { keeping } = served.client;
    expect(await keeping.archive({ directory: '/cold', before })).toMatchObject({
      fromPosition: 0n,
      untilPosition: 100n,
      bytes: 5000n,
    });
    expect(served.last('keeping.archive').input).toEqual({ directory: '/cold', before: meant });
    await keeping.archive({ directory: '/cold' });
    expect(served.last('keeping.archive').input).toEqual({ directory: '/cold' });
    expect(await failureOf(keeping.archive({ directory: 'cold' }))).toMatchObject({
      code: 'invalid-argument',
    });
  });
  it('prunes before a moment that must be given', async () => {
    const { keeping } = served.client;
    expect(await keeping.prune({ before })).toMatchObject({ horizon: 100n, segments: 2, bytes: 9000n });
    expect(served.last('keeping.prune').input).toEqual({ before: meant, unarchived: false });
    expect(await failureOf(keeping.prune({}))).toMatchObject({ code: 'invalid-argument' });
  });
});
