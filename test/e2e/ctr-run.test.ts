import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { busyboxLayout } from '../support/busybox-image.ts';
import { runProgram } from '../support/child.ts';
import { type PrivateContainerd, startContainerd } from '../support/containerd.ts';
import { type DaemonHost, daemonMissing, type Finished, startHost } from '../support/daemon.ts';
import { lingering } from '../support/lingering.ts';
import { missingHere } from '../support/machine.ts';
import { makeRootfs } from '../support/rootfs.ts';

const missing = daemonMissing() ?? missingHere({ programs: ['ctr', 'containerd', 'runc'] });

/** Runs a program to its end. */
const finished = (child: ChildProcess): Promise<Finished> => {
  let out = '';
  let err = '';
  child.stdout?.on('data', (bytes: Buffer) => {
    out += bytes;
  });
  child.stderr?.on('data', (bytes: Buffer) => {
    err += bytes;
  });
  const late = setTimeout(() => child.kill('SIGKILL'), 30_000);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      clearTimeout(late);
      resolve({ code: code ?? -1, out, err });
    });
  });
};

describe.skipIf(missing !== undefined)('the real ctr', () => {
  let host: DaemonHost;
  let containerd: PrivateContainerd;
  let rootfs: string;
  beforeAll(async () => {
    host = await startHost('ctr-run');
    containerd = await startContainerd(join(host.directory, 'containerd'));
    rootfs = makeRootfs(join(host.directory, 'rootfs'));
  }, 60_000);
  afterAll(async () => {
    // Processes outlive both daemons, and containerd keeps them in a folder that it shares with every other one.
    for (const run of [ctr, theirs]) {
      for (const id of (await run('tasks', 'ls', '-q')).out.split('\n').filter((line) => line !== '')) {
        await run('tasks', 'rm', '-f', id);
      }
    }
    await containerd?.stop();
    await host?.close();
  });

  // Control groups are named by namespace and container: each daemon has a namespace of its own.
  const mine = `ours-${process.pid}`;
  const other = `theirs-${process.pid}`;
  const ours = ['-n', mine];
  const start = (
    address: string,
    namespace: string,
    args: readonly string[],
    stdin: 'pipe' | 'ignore' = 'ignore',
  ): ChildProcess =>
    spawn('ctr', ['-a', address, '-n', namespace, ...args], { stdio: [stdin, 'pipe', 'pipe'] });
  const ctr = (...args: string[]) => finished(start(host.address, mine, args));
  const theirs = (...args: string[]) => finished(start(containerd.address, other, args));

  /** What changes from run to run: times, pids and the like. */
  const plain = ({ code, out, err }: Finished) => ({
    code,
    out: out.replace(/\b\d{3,}\b/g, 'N').replace(/ {2,}/g, '  '),
    err: err.replace(/time="[^"]*"/g, 'time').replace(/\b(?:ours|theirs)-\d+\b/g, 'NS'),
  });
  const same = async (...args: string[]): Promise<Finished> => {
    const [found, expected] = [await ctr(...args), await theirs(...args)];
    expect(plain(found), args.join(' ')).toEqual(plain(expected));
    return found;
  };
  const until = async (wanted: () => Promise<boolean>): Promise<void> => {
    for (const deadline = performance.now() + 10_000; performance.now() < deadline; await sleep(50)) {
      if (await wanted()) return;
    }
    throw new Error('it did not come to pass in 10 s');
  };
  const status = async (id: string): Promise<string | undefined> =>
    (await ctr('tasks', 'ls')).out
      .split('\n')
      .map((line) => line.split(/\s+/))
      .find(([name]) => name === id)?.[2];

  it('runs to the end: output, exit code, and nothing left', async () => {
    const { code, out } = await same(
      'run',
      '--rm',
      '--rootfs',
      rootfs,
      'a',
      '/bin/sh',
      '-c',
      'echo hi; exit 3',
    );
    expect({ code, out }).toEqual({ code: 3, out: 'hi\n' });
    await same('run', '--rm', '--rootfs', rootfs, 'b', '/bin/sh', '-c', 'echo oops >&2; kill -9 $$');
    await same('run', '--rm', '--rootfs', rootfs, 'c', '/bin/nosuch');
    await same('tasks', 'ls');
    await same('containers', 'ls');
    expect(await host.leaks()).toEqual([]);
  });

  it('runs an image from a snapshot that it unpacked itself', async () => {
    await busyboxLayout(host.directory);
    const archive = join(host.directory, 'busybox.tar');
    await runProgram('tar', ['-C', join(host.directory, 'layout'), '-cf', archive, '.']);
    await same('images', 'import', '--base-name', 'local/busybox', archive);
    const line = 'echo $FROM_IMAGE; touch /made; exit 5';
    const { code, out } = await same('run', '--rm', 'local/busybox:latest', 'image', '/bin/sh', '-c', line);
    expect({ code, out }).toEqual({ code: 5, out: 'yes\n' });
    expect((await ctr('snapshots', 'ls')).out).not.toContain('Active');
    expect(await host.leaks()).toEqual([]);
  });

  it('takes input from its client', async () => {
    const args = ['run', '--rm', '--rootfs', rootfs, 'cat', '/bin/cat'];
    const child = start(host.address, mine, args, 'pipe');
    const ended = finished(child);
    child.stdin?.write('to and fro\n');
    // ctr 1.6 tells of an end of its input only once it has made the task.
    child.stdout?.once('data', () => child.stdin?.end());
    expect(await ended).toMatchObject({ code: 0, out: 'to and fro\n' });
  });

  it('gives a terminal', async () => {
    const line = `ctr -a ${host.address} -n ${mine} run --rm -t --rootfs ${rootfs} tty /bin/sh -c 'test -t 0 && sleep 1 && stty size'`;
    const child = spawn('script', ['-qec', `stty rows 31 cols 97; ${line}`, '/dev/null'], {
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    const { code, out } = await finished(child);
    expect(code).toBe(0);
    expect(out).toContain('31 97');
  });

  it('works on a detached one, step by step, as on containerd', async () => {
    await same('run', '-d', '--rootfs', rootfs, 'd', '/bin/sleep', '1000');
    await same('tasks', 'ls');
    await same('containers', 'ls');
    await same('tasks', 'ps', 'd');
    await same('tasks', 'exec', '--exec-id', 'e', 'd', '/bin/sh', '-c', lingering('echo in', 4));
    await same('tasks', 'exec', '--exec-id', 'e', 'd', '/bin/nosuch');
    await same('tasks', 'exec', '--exec-id', 'e', 'd', '/bin/sh', '-c', lingering('echo again'));
    await same('tasks', 'pause', 'd');
    await same('tasks', 'ls');
    await same('tasks', 'resume', 'd');
    const { code, out } = await ctr('tasks', 'metrics', 'd');
    expect({ code, out }).toMatchObject({ code: 0, out: expect.stringMatching(/pids\.current +1/) });
    await same('tasks', 'rm', 'd');
    await same('containers', 'rm', 'd');
    await same('run', '-d', '--rootfs', rootfs, 'd', '/bin/true');
    await same('containers', 'label', 'd', 'tier=front');
    await same('tasks', 'kill', '-s', 'SIGKILL', 'd');
    await until(async () => (await status('d')) === 'STOPPED');
    await same('tasks', 'ls');
    await same('tasks', 'kill', 'd');
    await same('tasks', 'rm', 'd');
    await same('tasks', 'rm', 'd');
    await same('tasks', 'start', '-d', 'd');
    await same('tasks', 'rm', '-f', 'd');
    await same('containers', 'rm', 'd');
    await same('containers', 'rm', 'd');
    expect(await host.leaks()).toEqual([]);
  });

  it('finds its tasks again after the daemon was killed', async () => {
    await ctr('run', '-d', '--rootfs', rootfs, 'stays', '/bin/sleep', '1000');
    await ctr('run', '-d', '--rootfs', rootfs, 'ends', '/bin/sh', '-c', 'sleep 1; exit 7');
    await ctr('run', '-d', '--rootfs', rootfs, 'waits', '/bin/sleep', '1000');
    await ctr('tasks', 'pause', 'waits');
    await host.end('SIGKILL');
    await sleep(1500);
    await host.start();
    await until(async () => (await status('ends')) === 'STOPPED');
    expect(await status('stays')).toBe('RUNNING');
    expect(await status('waits')).toBe('PAUSED');
    const still = ['stays', '/bin/sh', '-c', lingering('echo still here')];
    const run = await ctr('tasks', 'exec', '--exec-id', 'x', ...still);
    expect(run).toMatchObject({ code: 0, out: 'still here\n' });
    expect((await ctr('tasks', 'rm', 'ends')).err).toContain('exit with non-zero exit code 7');
    await ctr('tasks', 'resume', 'waits');
    for (const id of ['stays', 'waits']) {
      await ctr('tasks', 'kill', '-s', 'SIGKILL', id);
      await until(async () => (await status(id)) === 'STOPPED');
      await host.restart();
      expect(await status(id)).toBe('STOPPED');
      expect((await ctr('tasks', 'rm', id)).err).toContain('exit code 137');
    }
    for (const id of ['stays', 'ends', 'waits']) expect((await ctr('containers', 'rm', id)).code).toBe(0);
    expect(await host.leaks()).toEqual([]);
  }, 60_000);

  it('shares its containers with the verbs of shiplog', async () => {
    await ctr('run', '-d', '--rootfs', rootfs, 'shared', '/bin/sleep', '1000');
    expect(await host.ok(...ours, 'ps')).toMatch(/shared.*\/bin\/sleep 1000.*(Up|running)/i);
    expect(await host.ok(...ours, 'inspect', 'shared')).toContain('"/bin/sleep"');
    expect(await host.ok(...ours, 'exec', 'shared', '/bin/echo', 'hello')).toBe('hello');
    expect((await host.shiplog([...ours, 'logs', 'shared'])).err).toContain('holds its streams');
    expect((await host.shiplog([...ours, 'start', 'shared'])).err).toMatch(/client|running|task/);
    expect((await host.shiplog([...ours, 'rm', 'shared'])).code).not.toBe(0);
    await host.ok(...ours, 'stop', '-t', '1', 'shared');
    expect(await status('shared')).toBe('STOPPED');
    await host.ok(...ours, 'rm', '-f', 'shared');
    expect((await ctr('containers', 'ls', '-q')).out).toBe('');
    expect(await host.leaks()).toEqual([]);
  });
});
