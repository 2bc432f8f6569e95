import { describe, expect, it } from 'vitest';
import { position } from '../../../src/domain/identity.ts';
import { superfluous } from '../../../src/engine/checkpoint-retention.ts';

const at = (n: number) => position(BigInt(n));
const kept = (...positions: readonly number[]) => positions.map((one) => ({ position: at(one), bytes: 10 }));
const rule = { every: 100, maxBytes: 1000, horizon: at(0) };
const tight = (maxBytes: number) => ({ ...rule, maxBytes });
const numbers = (gone: readonly bigint[]) => gone.map(Number);

describe('which checkpoints are let go of', () => {
  it.each([
    ['none, where they stand as far apart as wanted', kept(100, 200, 300), rule, []],
    ['those of starts and stops, once their neighbours are near', kept(100, 200, 220, 320), rule, [200]],
    ['not the newest, however near', kept(150, 300, 301), { ...rule, every: 90 }, []],
    ['the first, where it stands near the beginning', kept(20, 100, 200), rule, [20]],
    ['those before the horizon', kept(100, 200, 400, 600), { ...rule, horizon: at(250) }, [100, 200]],
    ['not the one at the horizon', kept(200, 210, 220), { ...rule, horizon: at(200) }, [210]],
    ['not the one where the log is about to begin', kept(100, 150, 200), { ...rule, kept: at(100) }, [150]],
    ['when too large, the one that leaves the smallest gap', kept(100, 300, 500, 600), tight(30), [100]],
    ['when too large, as many as it takes', kept(100, 200, 300, 400, 500), tight(20), [100, 300, 400]],
    ['never the newest, though it alone is too large', kept(100), tight(5), []],
  ])('%s', (_, list, retention, gone) => {
    expect(numbers(superfluous(list, retention))).toEqual(gone);
  });

  it('keeps those of a long history spread evenly, in bounded space', () => {
    let list = kept();
    for (let n = 1; n <= 500; n += 1) {
      list = [...list, ...kept(n * 100)];
      const gone = new Set(superfluous(list, { ...rule, maxBytes: 200 }));
      list = list.filter(({ position: one }) => !gone.has(one));
    }
    expect(list).toHaveLength(20);
    const gaps = list.map(({ position: one }, n) => Number(one - (list[n - 1]?.position ?? at(0))));
    expect(Math.max(...gaps)).toBeLessThanOrEqual(3 * (50_000 / 20));
  });
});
