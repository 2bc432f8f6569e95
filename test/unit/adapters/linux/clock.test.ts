import { afterEach, describe, expect, it, vi } from 'vitest';
import { createClock } from '../../../../src/adapters/linux/clock.ts';
import { seededRandom } from '../../../support/random.ts';

afterEach(() => {
  vi.restoreAllMocks();
});

describe('the wall clock', () => {
  it('never runs back between events, and stays with the host’s', () => {
    const clock = createClock('boot');
    let last = 0;
    for (let turn = 0; turn < 5_000; turn += 1) {
      const before = Date.now() * 1000;
      const { wall } = clock.now();
      expect(wall).toBeGreaterThanOrEqual(last);
      // Between two looks at the host's clock, however long this process was held up in between.
      expect(wall).toBeGreaterThanOrEqual(before);
      expect(wall).toBeLessThan(Date.now() * 1000 + 3000);
      last = wall;
    }
  });

  it('does not run back where the process is held up between two looks at the clocks', () => {
    const random = seededRandom(7);
    let micros = 1_795_294_595_000_000;
    const pass = (): void => {
      micros += random() < 0.1 ? Math.floor(random() * 5000) : 1;
    };
    vi.spyOn(Date, 'now').mockImplementation(() => {
      pass();
      return Math.floor(micros / 1000);
    });
    vi.spyOn(process.hrtime, 'bigint').mockImplementation(() => {
      pass();
      return BigInt(micros - 1_795_000_000_000_000) * 1000n;
    });
    const clock = createClock('boot');
    let last = 0;
    for (let turn = 0; turn < 2000; turn += 1) {
      const { wall } = clock.now();
      expect(wall).toBeGreaterThanOrEqual(last);
      expect(Math.abs(wall - micros)).toBeLessThan(6000);
      last = wall;
    }
  });

  it('follows when it is set, forward and back', () => {
    const clock = createClock('boot');
    const real = Date.now();
    const told = vi.spyOn(Date, 'now');
    for (const set of [real + 3_600_000, real - 3_600_000]) {
      told.mockReturnValue(set);
      expect(Math.abs(clock.now().wall - set * 1000)).toBeLessThanOrEqual(2000);
    }
  });
});
