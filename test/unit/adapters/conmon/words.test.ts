import { describe, expect, it } from 'vitest';
import { reasonOf } from '../../../../src/adapters/conmon/command.ts';
import { oomKillsIn } from '../../../../src/adapters/conmon/control-group.ts';
import { parseStat } from '../../../../src/adapters/conmon/process-identity.ts';
import { startExitCode } from '../../../../src/adapters/conmon/start-failure.ts';

describe('what OCI runtimes say', () => {
  it('is read out of their log lines, and taken as it is where it is none', () => {
    const line = (msg: string) => JSON.stringify({ level: 'error', msg, time: '2026-01-02T03:04:05Z' });
    expect(reasonOf(`${line('exec: "sh": no')}\n${line('exec: "sh": no')}\nplain\n`)).toBe(
      'exec: "sh": no; plain',
    );
  });
  it.each([
    [
      'runc create failed: unable to start container process: exec: "nosuch": executable file not found in $PATH',
      127,
    ],
    ['runc create failed: unable to start container process: exec: "/etc/motd": permission denied', 126],
    ['executable file `nosuch` not found in $PATH: No such file or directory', 127],
    ['open executable: Permission denied', 126],
    ['error mounting "/nosuch" to rootfs at "/mnt": stat /nosuch: no such file or directory', 125],
  ])('%s is exit code %i', (message, code) => {
    expect(startExitCode(message)).toBe(code);
  });
});

describe('a process in /proc/PID/stat', () => {
  const stat = (name: string, state: string) =>
    `42 (${name}) ${state} 7 42 42 0 -1 4194304 1 0 0 0 1 2 0 0 20 0 1 0 98765 100 10 18446744073709551615`;
  it('is known by its parent and its start, whatever its name', () => {
    expect(parseStat(42, stat('a) b (c', 'S'))).toEqual({
      pid: 42,
      started: '98765',
      parent: 7,
      condition: 'alive',
    });
  });
  it.each([
    ['T', 'stopped'],
    ['t', 'stopped'],
    ['Z', 'zombie'],
    ['R', 'alive'],
  ])('in state %s is %s', (state, condition) => {
    expect(parseStat(42, stat('sh', state))?.condition).toBe(condition);
  });
  it('that is cut short is none', () => {
    expect(parseStat(42, '42 (sh) S 7')).toBeUndefined();
  });
});

describe('the counter of out-of-memory kills', () => {
  it.each([
    ['oom_kill_disable 0\nunder_oom 0\noom_kill 3\n', 3],
    ['low 0\noom 1\noom_kill 1\n', 1],
    ['', 0],
  ])('%j tells of %i', (text, kills) => {
    expect(oomKillsIn(text)).toBe(kills);
  });
});
