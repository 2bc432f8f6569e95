import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Timestamp } from '../../domain/identity.ts';
import { Rejection } from '../../domain/rejection.ts';
import type { Clock } from '../../engine/ports/clock.ts';

/** The kernel's id of this boot (random(4)). */
export const bootId = (): string => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();

/** Node tells the wall clock in whole milliseconds. A clock that was set back differs by more than this (microseconds). */
const tolerance = 2000;

/** Microseconds. A double holds nanoseconds exactly for 104 days and to the microsecond for centuries. */
const monotonic = (): number => Math.floor(Number(process.hrtime.bigint()) / 1000);

/**
 * The host's clocks. Wall time in microseconds runs on with the monotonic clock, so that events keep their order, and
 * follows the wall clock when that is set.
 */
export const createClock = (boot: string): Clock => {
  let ahead = 0;
  return {
    now: () => {
      // The process may be held up between two looks: what the wall clock tells belongs to some moment between these two.
      const before = monotonic();
      const told = Date.now() * 1000;
      const mono = monotonic();
      const setForward = mono + ahead < told;
      const setBack = before + ahead > told + tolerance;
      if (setForward || setBack) ahead = told - mono;
      return { wall: (mono + ahead) as Timestamp, mono, boot };
    },
    sleep: async (ms, signal) => {
      try {
        await sleep(ms, undefined, signal === undefined ? {} : { signal });
      } catch (error) {
        throw new Rejection('cancelled', 'the caller went away', { cause: error });
      }
    },
  };
};
