import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Timestamp } from '../../domain/identity.ts';
import { Rejection } from '../../domain/rejection.ts';
import type { Clock } from '../../engine/ports/clock.ts';

/** The kernel's id of this boot (random(4)). */
export const bootId = (): string => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();

/** The host's clocks. */
export const createClock = (boot: string): Clock => ({
  now: () => ({
    wall: (Date.now() * 1000 + (Number(process.hrtime.bigint() / 1000n) % 1000)) as Timestamp,
    mono: Number(process.hrtime.bigint() / 1000n),
    boot,
  }),
  sleep: async (ms, signal) => {
    try {
      await sleep(ms, undefined, signal === undefined ? {} : { signal });
    } catch (error) {
      throw new Rejection('cancelled', 'the caller went away', { cause: error });
    }
  },
});
