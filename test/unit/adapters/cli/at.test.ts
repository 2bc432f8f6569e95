import { describe, expect, it } from 'vitest';
import { UsageError } from '../../../../src/adapters/cli/exit-codes.ts';
import { parseAt } from '../../../../src/adapters/cli/parse/at.ts';
import { NOON } from '../../../support/fake-daemon.ts';

const at = (text: string) => parseAt(text, NOON).moment;
const noon = BigInt(NOON) * 1000n;
/** Microseconds of a moment of this machine's local time. */
const local = (...parts: [number, number, number, number?, number?, number?]) =>
  BigInt(new Date(...parts).getTime()) * 1000n;

describe('a moment after --at', () => {
  it.each([
    ['0', 0n],
    ['4711', 4711n],
    ['@4711', 4711n],
    // Seconds since the epoch elsewhere; here it is a position.
    ['1764000000', 1_764_000_000n],
    ['18446744073709551615', 2n ** 64n - 1n],
  ])('%s is a position', (text, value) => {
    expect(at(text)).toEqual({ case: 'position', value });
  });

  it.each([
    ['2026-11-21T13:05:07Z', BigInt(Date.UTC(2026, 10, 21, 13, 5, 7)) * 1000n],
    ['2026-11-21T13:05:07.123456+02:00', BigInt(Date.UTC(2026, 10, 21, 11, 5, 7)) * 1000n + 123_456n],
    ['2026-11-21 13:05', local(2026, 10, 21, 13, 5)],
    ['2026-11-21 13:05:07', local(2026, 10, 21, 13, 5, 7)],
    ['2026-11-21', local(2026, 10, 21)],
    ['2028-02-29', local(2028, 1, 29)],
    ['10 minutes ago', noon - 600_000_000n],
    ['1 hour and 30 minutes ago', noon - 5_400_000_000n],
    ['2h', noon - 7_200_000_000n],
    ['90s ago', noon - 90_000_000n],
    ['now', noon],
  ])('%s is a time', (text, value) => {
    expect(at(text)).toEqual({ case: 'timeUs', value });
  });

  it.each([
    '',
    'web',
    '-1',
    '4711.5.',
    '@now',
    '@-1',
    '18446744073709551616',
    '2026-02-30',
    '2026-13-01',
    '2026-11-21 25:00',
    '2026-11-21 13:05 tomorrow',
    '21.11.2026',
    '10 parsecs ago',
    'in 5 minutes',
    'ago',
  ])("'%s' is none", (text) => {
    expect(() => at(text)).toThrow(UsageError);
    expect(() => at(text)).toThrow(/^--at '/);
  });

  it('is taught by examples where it is wrong', () => {
    expect(() => at('web')).toThrow(/4711.*2026-11-21 13:05.*10 minutes ago/);
  });
});
