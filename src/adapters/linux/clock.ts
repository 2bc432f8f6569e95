import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Timestamp } from '../../domain/identity.ts';
import { Rejection } from '../../domain/rejection.ts';
import type { Clock } from '../../engine/ports/clock.ts';

/** The kernel's id of this boot (random(4)). */
export const bootId = (): string => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();

/** Node tells the wall clock in whole milliseconds. A clock that was set differs by more than this (microseconds). */
const tolerance = 2000;

/**
 * The host's clocks. Wall time in microseconds runs on with the monotonic clock, so that events of one batch keep their
 * order, and follows the wall clock when that is set.
 */
export const createClock = (boot: string): Clock => {
  let ahead = 0;
  const wallAt = (mono: number): number => {
    const told = Date.now() * 1000;
    const drift = told - (mono + ahead);
    if (drift > 0 || drift < -tolerance) ahead += drift;
    return mono + ahead;
  };
  return {
    now: () => {
      const mono = Number(process.hrtime.bigint() / 1000n);
      return { wall: wallAt(mono) as Timestamp, mono, boot };
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
