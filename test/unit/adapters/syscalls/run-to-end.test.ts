import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { startChild } from '../../../../src/adapters/syscalls/child.ts';
import { hasCode } from '../../../../src/adapters/syscalls/error.ts';
import { type ProgramRun, runToEnd } from '../../../../src/adapters/syscalls/run-to-end.ts';

const shell = (script: string, more: Partial<ProgramRun> = {}) =>
  runToEnd({
    binary: 'sh',
    args: ['-c', script],
    cwd: '/',
    env: { PATH: process.env.PATH },
    timeoutMs: 10_000,
    ...more,
  });

describe('programs that are run to their end', () => {
  it('are given arguments, a directory, variables and input, and nothing else', async () => {
    const ran = await shell('pwd; echo $WORD; cat; echo no >&2', {
      cwd: '/tmp',
      env: { PATH: process.env.PATH, WORD: 'a word', NONE: undefined },
      input: 'its input',
    });
    expect(ran).toMatchObject({ code: 0, signal: undefined, late: false });
    expect(String(ran.output)).toBe('/tmp\na word\nits input');
    expect(String(ran.complaints)).toBe('no\n');
    const files = await shell('ls -l /proc/self/fd | grep -c memfd');
    expect(Number(files.output)).toBe(1); // for complaints; output is the pipe
  });

  it('tell their exit code or the signal that ended them', async () => {
    expect(await shell('exit 7')).toMatchObject({ code: 7, signal: undefined });
    expect(await shell('kill -TERM $$')).toMatchObject({ code: undefined, signal: 'SIGTERM' });
  });

  it('are in a session of their own, with no signal ignored or blocked', async () => {
    const { output } = await shell(
      'cut -d" " -f6 /proc/self/stat; echo $$; grep -E "Sig(Blk|Ign)" /proc/self/status',
    );
    const [session, pid, ...signals] = String(output).trim().split('\n');
    expect(session).toBe(pid);
    expect(signals.map((line) => Number(`0x${line.split('\t')[1]}`))).toEqual([0, 0]);
  });

  it('are not waited for by what they leave running', async () => {
    const begun = performance.now();
    await shell('sleep 30 & echo done');
    expect(performance.now() - begun).toBeLessThan(15_000);
  });

  it('are killed when their time is over', async () => {
    expect(await shell('sleep 30', { timeoutMs: 50 })).toMatchObject({ late: true, signal: 'SIGKILL' });
  });

  it('can print no more than there is room for', async () => {
    const { code, output } = await shell('head -c 3000000 /dev/zero');
    expect(code).not.toBe(0);
    expect(output.length).toBeLessThanOrEqual(1024 * 1024);
  });

  it('are refused where there is no such program or directory', async () => {
    const missing = shell('true', { binary: '/nowhere/program' });
    await expect(missing).rejects.toSatisfy((error) => hasCode(error, 'ENOENT'));
    await expect(shell('true', { cwd: '/nowhere' })).rejects.toSatisfy((error) => hasCode(error, 'ENOENT'));
  });
});

describe('children', () => {
  it('are told of one by one, many at once', async () => {
    const order = { binary: 'sh', cwd: '/', env: { PATH: process.env.PATH }, descriptors: [] };
    const children = Array.from({ length: 16 }, (_, at) =>
      startChild({ ...order, args: ['-c', `exit ${at}`] }),
    );
    const ends = await Promise.all(children.map(({ ended }) => ended));
    expect(ends.map(({ code }) => code)).toEqual(children.map((_, at) => at));
    for (const { pid } of children) expect(() => readFileSync(`/proc/${pid}/stat`)).toThrow('ENOENT');
  });
});
