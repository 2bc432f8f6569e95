import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runProgram } from '../support/child.ts';
import { type DaemonHost, daemonMissing, startHost } from '../support/daemon.ts';
import { missingHere } from '../support/machine.ts';
import { makeRootfs } from '../support/rootfs.ts';

const missing = daemonMissing() ?? missingHere({ programs: ['ctr', 'runc'] });
const label = (name: string, value: string): string[] => [
  '--label',
  `containerd.io/restart.${name}=${value}`,
];

describe.skipIf(missing !== undefined)("restart labels of the real ctr's containers", () => {
  let host: DaemonHost;
  let rootfs: string;
  beforeAll(async () => {
    host = await startHost('ctr-restart', { toml: '[restart]\ninterval = "200ms"' });
    rootfs = makeRootfs(join(host.directory, 'rootfs'));
  }, 60_000);
  afterAll(() => host?.close());
  const namespace = `restart-${process.pid}`;
  const ctr = (...args: string[]) => runProgram('ctr', ['-a', host.address, '-n', namespace, ...args]);
  /** `ctr containers create` takes every flag for its own, also those behind the name: the script is a file. */
  const create = (id: string, labels: readonly string[], script: string) => {
    writeFileSync(join(rootfs, 'bin', id), script);
    return ctr('containers', 'create', ...labels, '--rootfs', rootfs, id, '/bin/sh', `/bin/${id}`);
  };
  const info = async (id: string): Promise<Record<string, string>> =>
    (JSON.parse(await ctr('containers', 'info', id)) as { Labels: Record<string, string> }).Labels;
  const count = async (id: string) => (await info(id))['containerd.io/restart.count'];
  const status = async (id: string) =>
    (await ctr('tasks', 'ls'))
      .split('\n')
      .map((line) => line.split(/\s+/))
      .find(([name]) => name === id)?.[2];
  const pid = async (id: string) =>
    /^\S+\s+(\d+)/m.exec(
      (await ctr('tasks', 'ls')).split('\n').find((line) => line.startsWith(`${id} `)) ?? '',
    )?.[1];
  const poll = (ask: () => Promise<unknown>) => expect.poll(ask, { timeout: 15_000, interval: 100 });

  it('start a container that has no task, and start it again when it was killed, with its output kept', async () => {
    const log = join(host.directory, 'always.log');
    writeFileSync(log, '');
    await create(
      'always',
      [...label('status', 'running'), ...label('loguri', `file://${log}`)],
      'echo up; sleep 1000',
    );
    await poll(() => status('always')).toBe('RUNNING');
    await poll(async () => readFileSync(log, 'utf8')).toBe('up\n');
    await ctr('tasks', 'kill', '-s', 'SIGKILL', 'always');
    await poll(async () => readFileSync(log, 'utf8')).toBe('up\nup\n');
    expect(await count('always')).toBe('2');
  });

  it('start what ended while the daemon was away', async () => {
    const before = await pid('always');
    await host.end('SIGKILL');
    process.kill(Number(before), 'SIGKILL');
    await host.start();
    await poll(() => count('always')).toBe('3');
    await poll(() => status('always')).toBe('RUNNING');
  });

  it('stop what should not run', async () => {
    await ctr('containers', 'label', 'always', 'containerd.io/restart.status=stopped');
    await poll(() => status('always')).toBeUndefined();
    await ctr('containers', 'rm', 'always');
  });

  it('give up after as many failures as they say', async () => {
    const log = join(host.directory, 'fails.log');
    const labels = [...label('status', 'running'), ...label('policy', 'on-failure:2')];
    const line = ['/bin/sh', '-c', 'echo once; exit 3'];
    const io = ['--log-uri', `file://${log}`];
    await ctr(
      'run',
      '-d',
      ...io,
      ...labels,
      ...label('loguri', `file://${log}`),
      '--rootfs',
      rootfs,
      'fails',
      ...line,
    );
    await poll(() => count('fails')).toBe('2');
    await poll(async () => readFileSync(log, 'utf8')).toBe('once\nonce\nonce\n');
    await sleep(600);
    expect(await count('fails')).toBe('2');
    expect(await status('fails')).toBe('STOPPED');
    await ctr('tasks', 'rm', 'fails').catch((error: Error) => expect(error.message).toContain('exit code 3'));
    await ctr('containers', 'rm', 'fails');
  });

  it('leave a container that was stopped on purpose, where it is to run unless stopped', async () => {
    const labels = [...label('policy', 'unless-stopped'), ...label('explicitly-stopped', 'true')];
    await create('purpose', [...label('status', 'running'), ...labels], 'sleep 1000');
    await sleep(600);
    expect(await status('purpose')).toBeUndefined();
    await ctr('containers', 'label', 'purpose', 'containerd.io/restart.explicitly-stopped=false');
    await poll(() => status('purpose')).toBe('RUNNING');
    await ctr('containers', 'label', 'purpose', 'containerd.io/restart.status=stopped');
    await poll(() => status('purpose')).toBeUndefined();
    await ctr('containers', 'rm', 'purpose');
  });

  it('are followed by the daemon in its own name, with the reason', async () => {
    const starts = (await host.events()).filter(
      ({ type, subject }) => type === 'task-create-requested' && subject.includes('always'),
    );
    expect(starts.length).toBeGreaterThanOrEqual(3);
    for (const { actor, reason } of starts) {
      expect(actor?.client).toBe('shiplogd');
      expect(reason).toMatch(/^restart policy always: it /);
    }
    expect(await host.leaks()).toEqual([]);
  });
});
