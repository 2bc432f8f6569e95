import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RegistryFailure } from '../../../../src/adapters/registry/failure.ts';
import { delayAfter, retryAfterOf, retrying } from '../../../../src/adapters/registry/retry.ts';

const policy = { tries: 5, baseMs: 100, capMs: 1000, retryAfterCapMs: 60_000 };

describe('waiting between attempts', () => {
  it('doubles up to the cap, and stops after the last try', () => {
    const waits = [1, 2, 3, 4, 5].map((failed) =>
      delayAfter({ ...policy, capMs: 500 }, failed, undefined, 0.999999),
    );
    expect(waits).toEqual([100, 200, 400, 500, undefined]);
  });

  it('lies in the upper half of what it may be', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 4 }),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (failed, chance) => {
          const most = Math.min(1000, 100 * 2 ** (failed - 1));
          const wait = delayAfter(policy, failed, undefined, chance) ?? -1;
          expect(wait).toBeGreaterThanOrEqual(most / 2);
          expect(wait).toBeLessThanOrEqual(most);
        },
      ),
    );
  });

  it('is never shorter than the registry asked, and not at all when that is too long', () => {
    expect(delayAfter(policy, 1, 5000, 0)).toBe(5000);
    expect(delayAfter(policy, 1, 5000, 0.5)).toBe(5050);
    expect(delayAfter(policy, 1, 60_001, 0)).toBeUndefined();
    expect(delayAfter(policy, 5, 1, 0)).toBeUndefined();
  });
});

describe('Retry-After', () => {
  const now = Date.parse('2026-11-01T00:00:00Z');
  it.each([
    ['120', 120_000],
    ['0', 0],
    ['Sun, 01 Nov 2026 00:01:00 GMT', 60_000],
    ['Sat, 31 Oct 2026 00:00:00 GMT', 0],
    ['soon', undefined],
    ['', undefined],
    [undefined, undefined],
  ])('%s', (header, expected) => {
    expect(retryAfterOf(header, now)).toBe(expected);
  });
});

describe('trying again', () => {
  const run = async (failures: unknown[], signal?: AbortSignal) => {
    const waits: number[] = [];
    const logged: string[] = [];
    const time = {
      now: () => 0,
      random: () => 0,
      sleep: async (ms: number) => {
        waits.push(ms);
      },
    };
    const left = [...failures];
    const result = await retrying(
      { policy, time, signal, log: (message) => logged.push(message) },
      async () => {
        if (left.length > 0) throw left.shift();
        return 'done';
      },
    ).catch((error: unknown) => error);
    return { result, waits, logged };
  };
  const passing = new RegistryFailure('unavailable', 'host: asked: HTTP 503', { retryable: true });

  it('goes on while it may help', async () => {
    const { result, waits, logged } = await run([passing, passing]);
    expect(result).toBe('done');
    expect(waits).toEqual([50, 100]);
    expect(logged[0]).toBe('host: asked: HTTP 503; trying again in 50 ms (attempt 2 of 5)');
  });

  it('throws the last failure after the last try', async () => {
    const { result, waits } = await run(Array.from({ length: 9 }, () => passing));
    expect(result).toBe(passing);
    expect(waits).toHaveLength(4);
  });

  it('throws at once what no attempt will change, and anything after a cancellation', async () => {
    const final = new RegistryFailure('not-found', 'no');
    expect(await run([final])).toMatchObject({ result: final, waits: [] });
    expect(await run([passing], AbortSignal.abort())).toMatchObject({ result: passing, waits: [] });
    const bug = new TypeError('bug');
    expect(await run([bug])).toMatchObject({ result: bug, waits: [] });
  });
});
