import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { TaskKey } from '../../src/engine/ports/runtime.ts';
import { missingHere } from '../support/machine.ts';
import { type Keeping, makeRuntimeHost, type RuntimeHost } from '../support/runtime-host.ts';
import { type ConfigOverrides, containerConfig } from '../support/task.ts';

const missing = missingHere({ root: true, programs: ['runc', 'conmon', 'containerd-shim-runc-v2'] });
const suite = missing
  ? `tasks kept by a %s outlive the daemon (skipped: ${missing})`
  : 'tasks kept by a %s outlive the daemon';

describe.skipIf(missing).each<Keeping>(['shim', 'conmon'])(suite, (keeping) => {
  let host: RuntimeHost;
  beforeAll(async () => {
    host = await makeRuntimeHost('recovery', keeping);
  });
  afterAll(() => host?.close());
  afterEach(async () => {
    for (const { task } of await host.runtime.probe()) await host.runtime.purge(task);
    for (const key of await host.stdio.list()) await host.stdio.close(key);
  });

  const sh = (script: string, overrides: ConfigOverrides = {}) =>
    containerConfig(['sh', '-c', script], overrides);
  const bundle = (task: TaskKey): string =>
    join(
      host.directory,
      'run',
      keeping === 'shim' ? 'io.containerd.runtime.v2.task' : 'conmon',
      task.namespace,
      task.id,
    );
  const running = async (id: string, script = 'sleep 100'): Promise<{ task: TaskKey; pid: number }> => {
    const task = await host.create(id, sh(script));
    return { task, ...(await host.runtime.start(task)) };
  };
  const alive = (pid: number): boolean => {
    try {
      // A zombie has no root directory to read any more.
      return readlinkSync(`/proc/${pid}/exe`) !== '';
    } catch {
      return false;
    }
  };
  /** Shim and conmon work in their bundle. */
  const keepersOf = (task: TaskKey): number[] =>
    readdirSync('/proc').flatMap((name) => {
      try {
        return readlinkSync(`/proc/${name}/cwd`) === bundle(task) ? [Number(name)] : [];
      } catch {
        return [];
      }
    });
  const leftovers = (task: TaskKey): string[] =>
    [bundle(task), join(host.directory, 'run/runc', task.namespace, task.id)]
      .concat(
        ['pids', 'memory', ''].map((part) => join('/sys/fs/cgroup', part, host.cgroup, 'default', task.id)),
      )
      .filter((path) => existsSync(path));

  it('are found running, adopted, and give their exit and output', async () => {
    const { task, pid } = await running(
      'live',
      'trap "echo bye; exit 4" TERM; echo hi; while :; do sleep 0.05; done',
    );
    await expect.poll(() => host.output(task)).toBe('hi\n');
    await host.restart();
    await expect(host.runtime.wait(task)).rejects.toMatchObject({ code: 'not-found' });
    expect(await host.runtime.probe()).toEqual([{ task, state: { status: 'running', pid }, execs: [] }]);
    await host.runtime.adopt(task);
    await host.runtime.adopt(task);
    await host.runtime.signal(task, 15);
    expect((await host.runtime.wait(task)).code).toBe(4);
    await host.stdio.drained(task, 5000);
    expect(await host.output(task)).toBe('hi\nbye\n');
    const socket =
      keeping === 'conmon'
        ? join(bundle(task), 'ctl')
        : readFileSync(join(bundle(task), 'address'), 'utf8').replace('unix://', '');
    expect(existsSync(socket)).toBe(true);
    await host.runtime.delete(task);
    expect(leftovers(task).concat(existsSync(socket) ? [socket] : [])).toEqual([]);
  });
  it('that exited meanwhile give their real exit, and their output is in the log', async () => {
    const begun = Date.now();
    const { task, pid } = await running('gone', 'sleep 0.3; seq 1 20000; exit 9');
    await host.letGo();
    await expect.poll(() => alive(pid), { timeout: 10_000 }).toBe(false);
    const ended = Date.now();
    await host.restart();
    const [found] = await host.runtime.probe();
    expect(found).toMatchObject({ task, state: { status: 'stopped', exit: { code: 9 } } });
    await host.runtime.adopt(task);
    const exit = await host.runtime.wait(task);
    expect(exit.code).toBe(9);
    expect(exit.at / 1000).toBeGreaterThan(begun);
    expect(exit.at / 1000).toBeLessThan(ended + 1000);
    await host.stdio.drained(task, 5000);
    expect((await host.output(task)).split('\n')).toHaveLength(20_001);
    await host.runtime.delete(task);
  });
  it('reject a wait as unavailable when their shim is killed, and purging leaves nothing', async () => {
    const { task, pid } = await running('killed');
    const waiting = host.runtime.wait(task);
    for (const shim of keepersOf(task)) process.kill(shim, 'SIGKILL');
    await expect(waiting).rejects.toMatchObject({ code: 'unavailable' });
    expect(await host.runtime.probe()).toEqual([{ task, state: { status: 'dead' }, execs: [] }]);
    expect(alive(pid)).toBe(true);
    expect(await host.runtime.purge(task)).toMatchObject({ code: 137 });
    await expect.poll(() => alive(pid)).toBe(false);
    expect(leftovers(task)).toEqual([]);
    expect(await host.runtime.purge(task)).toBeUndefined();
    expect(await host.runtime.probe()).toEqual([]);
  });
  it('with a hung shim do not delay the others, and can be purged', async () => {
    const hung = await running('hung');
    const fine = await running('fine');
    const shims = keepersOf(hung.task);
    expect(shims).toHaveLength(1);
    const score = (pid: number | 'self') => Number(readFileSync(`/proc/${pid}/oom_score_adj`, 'utf8'));
    if (keeping === 'shim') expect(score(shims[0] ?? 'self')).toBe(score('self') + 1);
    for (const shim of shims) process.kill(shim, 'SIGSTOP');
    // The kernel stops it when it gets round to it.
    const isStopped = (pid: number) => / T /.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
    await expect.poll(() => shims.every(isStopped)).toBe(true);
    await host.restart({ timeouts: { probe: 400 } });
    const begun = performance.now();
    const found = await host.runtime.probe();
    expect(performance.now() - begun).toBeLessThan(4000);
    expect(found).toContainEqual({ task: hung.task, state: { status: 'hung' }, execs: [] });
    expect(found).toContainEqual({ task: fine.task, state: { status: 'running', pid: fine.pid }, execs: [] });
    await host.runtime.purge(hung.task);
    expect(leftovers(hung.task)).toEqual([]);
    expect([hung.pid, ...shims].filter(alive)).toEqual([]);
    expect(alive(fine.pid)).toBe(true);
  });
  it('are refused a second time under one name, and may use it again afterwards', async () => {
    const { task } = await running('twice');
    await expect(host.create('twice', sh('true'))).rejects.toMatchObject({ code: 'already-exists' });
    await host.runtime.signal(task, 9);
    await host.runtime.wait(task);
    await host.runtime.delete(task);
    await host.stdio.close(task);
    expect((await host.run('twice', sh('exit 2'))).exit.code).toBe(2);
  });
  it('may share the namespaces of another one', async () => {
    const other = await running('other');
    const config = sh('for kind in net ipc pid; do busybox readlink /proc/self/ns/$kind; done', {
      namespaces: {
        ...{ pid: 'new', uts: 'new', cgroup: 'new', user: 'host' },
        network: { container: other.task.id },
        ipc: { container: other.task.id },
      },
    });
    const { output } = await host.run('joined', config);
    const [net, ipc, pid] = ['net', 'ipc', 'pid'].map((kind) =>
      readlinkSync(`/proc/${other.pid}/ns/${kind}`),
    );
    expect(output).toContain(`${net}\n${ipc}\n`);
    expect(output).not.toContain(pid);
  });
  it('run side by side, and keep no descriptors', { timeout: 60_000 }, async () => {
    await host.run('before', sh('true'));
    const descriptors = () => readdirSync('/proc/self/fd').length;
    const before = descriptors();
    const exits = await Promise.all(
      Array.from({ length: 8 }, (_none, i) => host.run(`side${i}`, sh(`echo ${i}; exit ${i}`))),
    );
    expect(exits.map(({ exit }) => exit.code)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(exits.map(({ output }) => output)).toEqual(
      ['0', '1', '2', '3', '4', '5', '6', '7'].map((text) => `${text}\n`),
    );
    expect(await host.runtime.probe()).toEqual([]);
    await expect.poll(descriptors).toBeLessThanOrEqual(before);
  });
});
