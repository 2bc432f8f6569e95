import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ContainerConfig } from '../../src/domain/container-config.ts';
import { AbsolutePath, ExecId } from '../../src/domain/identity.ts';
import { StartFailure, type TaskKey } from '../../src/engine/ports/runtime.ts';
import { missingHere } from '../support/machine.ts';
import { collect, type Keeping, makeRuntimeHost, type RuntimeHost } from '../support/runtime-host.ts';
import { containerConfig, taskKey } from '../support/task.ts';

const missing = missingHere({ root: true, programs: ['runc', 'conmon', 'containerd-shim-runc-v2'] });
const suite = missing
  ? `a task under a real %s and runc (skipped: ${missing})`
  : 'a task under a real %s and runc';

describe.skipIf(missing).each<Keeping>(['shim', 'conmon'])(suite, (keeping) => {
  let host: RuntimeHost;
  beforeAll(async () => {
    host = await makeRuntimeHost('runtime', keeping);
  });
  afterAll(() => host?.close());
  afterEach(async () => {
    for (const { task } of await host.runtime.probe()) await host.runtime.purge(task);
    for (const key of await host.stdio.list()) await host.stdio.close(key);
  });
  const sh = (script: string, overrides: Parameters<typeof containerConfig>[1] = {}) =>
    containerConfig(['sh', '-c', script], overrides);
  const finish = async (task: TaskKey): Promise<number> => {
    const { code } = await host.runtime.wait(task);
    await host.runtime.delete(task);
    return code;
  };

  it('gives output and exit code, and leaves nothing', async () => {
    const { exit, output } = await host.run('plain', sh('echo out; echo err >&2; exit 7'));
    expect(exit.code).toBe(7);
    expect(Math.abs(exit.at / 1000 - Date.now())).toBeLessThan(60_000);
    expect(output.split('\n').sort()).toEqual(['', 'err', 'out']);
    expect(await host.runtime.probe()).toEqual([]);
    expect(readdirSync(join(host.directory, 'run/runc/default'))).toEqual([]);
    expect(await host.runtime.delete(taskKey('plain'))).toBeUndefined();
    await expect(host.runtime.wait(taskKey('plain'))).rejects.toMatchObject({ code: 'not-found' });
  });
  it('sees the environment, host name, directory, user and groups that were asked for', async () => {
    const config = sh('id; env | sort; hostname; pwd; cat /etc/hosts /etc/hostname', {
      process: {
        user: 'app',
        env: ['A=1', 'A=2'],
        secretEnv: ['S'],
        cwd: AbsolutePath.parse('/data'),
      },
    });
    const { output } = await host.run('env', config, { S: 'hidden' });
    expect(output).toContain('uid=1000(app) gid=1000(app) groups=50(staff),1000(app)');
    for (const line of [
      'A=2',
      'S=hidden',
      'HOME=/home/app',
      'HOSTNAME=box',
      'box',
      '/data',
      '127.0.0.1\tlocalhost',
    ]) {
      expect(output.split('\n')).toContain(line);
    }
  });
  it('writes to standard input until it is closed', async () => {
    const task = await host.create('stdin', containerConfig(['cat'], { process: { stdin: true } }));
    const attachment = await host.stdio.attach(task);
    const output = collect(attachment);
    await attachment.write(Buffer.from('hello '));
    await host.runtime.start(task);
    await attachment.write(Buffer.from('there'));
    await attachment.closeStdin();
    await host.runtime.closeStdin(task);
    expect(await finish(task)).toBe(0);
    expect(await output).toBe('hello there');
  });
  it('has a terminal of the size given, and follows resizing', async () => {
    const config = sh('stty size; read x; stty size', {
      process: { terminal: true, stdin: true, consoleSize: { height: 30, width: 100 } },
    });
    const task = await host.create('tty', config);
    const attachment = await host.stdio.attach(task);
    const output = collect(attachment);
    await host.runtime.start(task);
    await expect.poll(() => host.output(task), { timeout: 10_000 }).toContain('30 100');
    await host.runtime.resize(task, { height: 40, width: 120 });
    await attachment.write(Buffer.from('go\n'));
    expect(await finish(task)).toBe(0);
    await host.stdio.drained(task, 5000);
    expect(await output).toContain('40 120');
  });
  it('executes more processes, with their own exit codes', async () => {
    const task = await host.create('exec', containerConfig(['sleep', '60']));
    await host.runtime.start(task);
    const execId = ExecId.parse('e1');
    const key = { ...task, execId };
    const stdio = await host.stdio.open(key, { terminal: false, stdin: false });
    const attachment = await host.stdio.attach(key);
    const process = sh('id -u; exit 5', { process: { user: '1000' } }).process;
    await host.runtime.exec(task, execId, process, {}, stdio);
    await expect(host.runtime.exec(task, execId, process, {}, stdio)).rejects.toMatchObject({
      code: 'already-exists',
    });
    const { pid } = await host.runtime.startExec(task, execId);
    expect(pid).toBeGreaterThan(1);
    expect((await host.runtime.wait(task, execId)).code).toBe(5);
    expect(await collect(attachment)).toBe('1000\n');
    expect((await host.runtime.probe())[0]?.execs).toEqual([execId]);
    await host.runtime.delete(task, execId);
    await host.runtime.delete(task, execId);
    expect((await host.runtime.probe())[0]?.execs).toEqual([]);
    await host.runtime.signal(task, 9);
    expect(await finish(task)).toBe(137);
  });
  it('pauses, resumes, lists pids and passes signals on', async () => {
    const task = await host.create('pause', sh('trap "exit 3" TERM; sleep 100 & wait'));
    const { pid } = await host.runtime.start(task);
    await host.runtime.pause(task);
    expect((await host.runtime.probe())[0]?.state).toEqual({ status: 'paused', pid });
    await host.runtime.resume(task);
    await expect.poll(() => host.runtime.pids(task)).toHaveLength(2);
    expect(await host.runtime.pids(task)).toContain(pid);
    await host.runtime.signal(task, 15);
    expect((await host.runtime.wait(task)).code).toBe(3);
    await expect(host.runtime.signal(task, 15)).rejects.toMatchObject({ code: 'not-found' });
    await host.runtime.delete(task);
  });
  it.each(['new', 'host'] as const)('kills every process in a pid namespace that is %s', async (pid) => {
    const others = { network: 'new', ipc: 'new', uts: 'new', cgroup: 'new', user: 'host' } as const;
    const config = sh('sleep 100 & sleep 100 & wait', { namespaces: { pid, ...others } });
    const task = await host.create(`all-${pid}`, config);
    await host.runtime.start(task);
    await expect.poll(() => host.runtime.pids(task)).toHaveLength(3);
    const pids = await host.runtime.pids(task);
    await host.runtime.signal(task, 9, { all: true });
    expect((await host.runtime.wait(task)).code).toBe(137);
    await host.runtime.delete(task);
    // One that nobody has waited for yet has no program any more.
    await expect.poll(() => pids.filter((each) => existsSync(`/proc/${each}/exe`))).toEqual([]);
  });
  it('tells of a container that ran out of memory', async () => {
    const killed: string[] = [];
    const subscription = host.runtime.oom.subscribe((task) => killed.push(task.id));
    const config = containerConfig(['dd', 'if=/dev/zero', 'of=/dev/null', 'bs=200M', 'count=1'], {
      resources: { memory: 24 * 1024 * 1024 },
    });
    const { exit } = await host.run('oom', config);
    expect(exit.code).toBe(137);
    await expect.poll(() => killed, { timeout: 5000 }).toEqual(['oom']);
    subscription.unsubscribe();
  });
  it('changes limits of a running task', async () => {
    const task = await host.create(
      'limits',
      containerConfig(['sleep', '60'], { resources: { memory: 64 << 20, pids: 20 } }),
    );
    const { pid } = await host.runtime.start(task);
    const group = readFileSync(`/proc/${pid}/cgroup`, 'utf8');
    expect(group).toContain(`${host.cgroup}/default/limits`);
    await host.runtime.update(task, { memory: 128 << 20, pids: 40 });
    const limit = [`/sys/fs/cgroup/pids${host.cgroup}`, `/sys/fs/cgroup${host.cgroup}`].flatMap((root) => {
      try {
        return [readFileSync(`${root}/default/limits/pids.max`, 'utf8').trim()];
      } catch {
        return [];
      }
    });
    expect(limit).toEqual(['40']);
    await host.runtime.signal(task, 9);
    await finish(task);
  });
  it.each([
    ['/nosuch', 127],
    ['nosuch', 127],
    ['/etc/motd', 126],
    ['/tmp', 126],
  ])('fails to start %s with %i, and leaves nothing', async (command, exitCode) => {
    const failed = await host.run('fail', containerConfig([command])).catch((error: unknown) => error);
    expect(failed).toBeInstanceOf(StartFailure);
    expect(failed).toMatchObject({ exitCode });
    expect(await host.runtime.probe()).toEqual([]);
  });
  it('says 125 when runc cannot make the container', async () => {
    const mounts = [{ type: 'bind', source: '/nosuch', target: '/mnt', options: [] }] as const;
    const config = ContainerConfig.parse({ ...containerConfig(['true']), mounts });
    await expect(host.run('mount', config)).rejects.toMatchObject({ name: 'StartFailure', exitCode: 125 });
  });
  it.each([
    [
      'capabilities',
      'grep CapBnd /proc/self/status',
      { capabilities: { add: [], drop: ['ALL'] } },
      '0000000000000000',
    ],
    ['defaults', 'grep CapBnd /proc/self/status', {}, '00000000a80425fb'],
    ['no new privileges', 'grep NoNewPrivs /proc/self/status', { noNewPrivileges: true }, 'NoNewPrivs:\t1'],
    ['seccomp', 'grep Seccomp: /proc/self/status', {}, 'Seccomp:\t2'],
    ['no seccomp', 'grep Seccomp: /proc/self/status', { seccomp: 'unconfined' }, 'Seccomp:\t0'],
    ['read-only root', 'touch /x', { readonlyRootfs: true }, 'Read-only file system'],
    ['masked paths', 'cat /proc/kcore | head -c 1; ls /sys/firmware | head -c 1; echo masked', {}, 'masked'],
    [
      'rlimits',
      'ulimit -n; ulimit -c',
      {
        rlimits: [
          { type: 'RLIMIT_NOFILE', soft: 77, hard: 99 },
          { type: 'RLIMIT_CORE', soft: -1, hard: -1 },
        ],
      },
      '77\nunlimited',
    ],
    ['sysctls', 'cat /proc/sys/net/ipv4/ip_forward', { sysctls: { 'net.ipv4.ip_forward': '1' } }, '1'],
    [
      'privileged',
      'test -b /dev/vda && grep CapEff /proc/self/status',
      { privileged: true },
      readFileSync('/proc/self/status', 'utf8').match(/CapBnd:(.*)/)?.[1] ?? '',
    ],
  ])('honours %s', async (_name, script, overrides, expected) => {
    const { output } = await host.run(
      'flags',
      sh(`(${script}) 2>&1`.replaceAll('grep', 'busybox grep'), overrides),
    );
    expect(output).toContain(expected);
  });
});
