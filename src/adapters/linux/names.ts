import { randomBytes, randomFillSync, randomInt } from 'node:crypto';
import type { Names } from '../../engine/ports/clock.ts';
import { moods, seafarers } from './spoken-words.ts';

const crockford = '0123456789abcdefghjkmnpqrstvwxyz';

/** Random bytes of one call into the kernel, which takes 20 µs: every request has a name of its own. */
const pool = Buffer.alloc(4096);
let taken = pool.length;

/** @param count of bytes, which are nobody else's until the next call */
const fresh = (count: number): Uint8Array => {
  if (taken + count > pool.length) {
    randomFillSync(pool);
    taken = 0;
  }
  taken += count;
  return pool.subarray(taken - count, taken);
};

/** 48 bits of time in milliseconds, then 80 random ones (the layout of a ULID). */
const sortable = (): string => {
  let time = Date.now();
  let text = '';
  for (let at = 0; at < 10; at += 1) {
    text = `${crockford[time % 32]}${text}`;
    time = Math.floor(time / 32);
  }
  for (const byte of fresh(16)) text += crockford[byte % 32];
  return text;
};

/** Microseconds since 2026 take ten digits of 36 until 2141. */
const epoch = Date.UTC(2026, 0, 1);

/** Never the same twice in a process; across starts of it, only a clock set back could bring a time again. */
const briefNames = (): (() => string) => {
  let last = 0;
  return () => {
    const now = Math.floor((performance.timeOrigin + performance.now() - epoch) * 1000);
    last = Math.max(last + 1, now);
    const chance = randomInt(36 ** 2)
      .toString(36)
      .padStart(2, '0');
    return `${last.toString(36).padStart(10, '0')}${chance}`;
  };
};

const one = (words: readonly string[]): string => words[randomInt(words.length)] ?? '';

/** Fresh names from the kernel's randomness. */
export const createNames = (): Names => ({
  hex64: () => randomBytes(32).toString('hex'),
  sortable,
  brief: briefNames(),
  spoken: () => `${one(moods)}_${one(seafarers)}${randomInt(100)}`,
});
