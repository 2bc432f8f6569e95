import { describe, expect, it } from 'vitest';
import { readCredentials } from '../../../../src/adapters/cli/parse/credentials.ts';
import { parseDetachKeys } from '../../../../src/adapters/cli/parse/detach-keys.ts';
import { parsePlatform } from '../../../../src/adapters/cli/parse/platform.ts';
import { parseBytes, parseCpus } from '../../../../src/adapters/cli/parse/quantity.ts';
import { parseTime } from '../../../../src/adapters/cli/parse/time.ts';
import { makeConsole, NOON } from '../../../support/fake-daemon.ts';

describe('bytes', () => {
  it.each([
    ['0', 0n],
    ['512', 512n],
    ['512b', 512n],
    ['64m', 67_108_864n],
    ['64M', 67_108_864n],
    ['1g', 1_073_741_824n],
    ['1.5GiB', 1_610_612_736n],
    ['2 kB', 2048n],
    ['1t', 1_099_511_627_776n],
  ])('%s', (text, bytes) => {
    expect(parseBytes(text)).toBe(bytes);
  });

  it.each(['', 'm', '-1', '1x', '1mm', 'NaN', '1e3', '9999999p'])('refuses %j', (text) => {
    expect(() => parseBytes(text)).toThrow(/64m/);
  });

  it.each(['0', '-1', 'x', '', 'Infinity'])('refuses %j CPUs', (text) => {
    expect(() => parseCpus(text)).toThrow(/CPUs/);
  });
});

describe('times', () => {
  const ago = (seconds: number) => BigInt(NOON - seconds * 1000) * 1000n;
  it.each([
    ['now', ago(0)],
    ['10m', ago(600)],
    ['1h30m', ago(5400)],
    ['1.5h', ago(5400)],
    ['10 minutes ago', ago(600)],
    ['2 hours and 5 seconds ago', ago(7205)],
    ['1 day ago', ago(86_400)],
    ['500ms', ago(0.5)],
    ['1764000000', 1_764_000_000_000_000n],
    ['1764000000.25', 1_764_000_000_250_000n],
    ['2026-11-21T10:30:00Z', BigInt(Date.UTC(2026, 10, 21, 10, 30)) * 1000n],
    ['2026-11-21T10:30:00.123456Z', BigInt(Date.UTC(2026, 10, 21, 10, 30)) * 1000n + 123_456n],
    ['2026-11-21T10:30:00+02:00', BigInt(Date.UTC(2026, 10, 21, 8, 30)) * 1000n],
    ['2026-11-21 10:30', BigInt(new Date(2026, 10, 21, 10, 30).getTime()) * 1000n],
    ['2026-11-21', BigInt(new Date(2026, 10, 21).getTime()) * 1000n],
  ])('%s', (text, us) => {
    expect(parseTime(text, NOON)).toBe(us);
  });

  it.each(['', 'yesterday', '10 parsecs ago', '2026-13-01', '2026-11-21T25:00:00Z', '-5m', '5m x'])(
    'refuses %j',
    (text) => {
      expect(() => parseTime(text, NOON)).toThrow(/is not a time/);
    },
  );
});

describe('platforms and keys', () => {
  it('takes a platform apart', () => {
    expect(parsePlatform('linux/arm/v7')).toEqual({ os: 'linux', architecture: 'arm', variant: 'v7' });
    expect(parsePlatform('Linux/AMD64')).toEqual({ os: 'linux', architecture: 'amd64', variant: '' });
  });

  it('takes detach keys', () => {
    expect([...parseDetachKeys('ctrl-p,ctrl-q')]).toEqual([16, 17]);
    expect([...parseDetachKeys('ctrl-@,x,ctrl-]')]).toEqual([0, 120, 29]);
    expect(() => parseDetachKeys('ctrl-1')).toThrow(/ctrl-/);
  });
});

describe('credentials', () => {
  it('come from the flag, or the password from standard input', async () => {
    expect(await readCredentials(undefined, undefined, makeConsole())).toBeUndefined();
    expect(await readCredentials('me:a:b', undefined, makeConsole())).toEqual({
      username: 'me',
      password: 'a:b',
    });
    const console = makeConsole({ stdin: 'secret\n' });
    expect(await readCredentials('me', true, console)).toEqual({ username: 'me', password: 'secret' });
  });

  it.each([
    ['me', undefined, /--password-stdin/],
    [undefined, true, /--creds USER/],
    ['me:x', true, /not both/],
    [':x', undefined, /the user is empty/],
  ] as const)('refuses %j with --password-stdin %j', async (creds, stdin, says) => {
    await expect(readCredentials(creds, stdin, makeConsole())).rejects.toThrow(says);
  });
});
