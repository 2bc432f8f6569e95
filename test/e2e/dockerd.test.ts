import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { busyboxLayout } from '../support/busybox-image.ts';
import { runProgram } from '../support/child.ts';
import { type PrivateContainerd, startContainerd } from '../support/containerd.ts';
import { type DaemonHost, daemonMissing, type Finished, startHost } from '../support/daemon.ts';
import { Dockerd, dockerdMissing, finished, plain, until } from '../support/dockerd.ts';
import { mountsBelow, processesNaming } from '../support/leaks.ts';

const missing = daemonMissing() ?? dockerdMissing();

const image = 'box:1';
const apart = ['--network', 'none'];
/** Counts, and ends with 7 when it is asked to end. */
const counting = 'trap "exit 7" TERM; i=0; while :; do i=$((i+1)); echo $i; sleep 0.1; done';

describe.skipIf(missing !== undefined)('docker, its daemon at our socket', () => {
  let host: DaemonHost;
  let containerd: PrivateContainerd;
  let ours: Dockerd;
  let theirs: Dockerd;
  beforeAll(async () => {
    host = await startHost('dockerd');
    containerd = await startContainerd(join(host.directory, 'containerd'));
    ours = new Dockerd(join(host.directory, 'a'), host.address);
    theirs = new Dockerd(join(host.directory, 'b'), containerd.address);
    await Promise.all([ours.start('--live-restore'), theirs.start()]);
    await busyboxLayout(host.directory, { config: { Cmd: ['sh'], Env: ['PATH=/bin'] } });
    const layout = join(host.directory, 'layout.tar');
    await runProgram('tar', ['-C', join(host.directory, 'layout'), '-cf', layout, '.']);
    await host.ok('import', '--name', image, layout);
    const archive = join(host.directory, 'docker.tar');
    await host.ok('save', '--format', 'docker', '-o', archive, image);
    await Promise.all([ours, theirs].map((one) => one.ok('load', '-i', archive)));
  }, 60_000);
  afterAll(async () => {
    for (const one of [ours, theirs]) {
      if (one === undefined) continue;
      const ids = (await one.docker('ps', '-aq')).out.split('\n').filter((id) => id !== '');
      if (ids.length > 0) await one.docker('rm', '-f', ...ids);
      await one.end();
    }
    await containerd?.stop();
    await host?.close();
  }, 60_000);

  const docker = (...args: string[]) => ours.ok(...args);
  const run = (...args: string[]) => ['run', ...apart, ...args];
  const detached = (name: string, ...args: string[]) => docker(...run('-d', '--name', name, ...args));
  const state = (name: string, field: string) => docker('inspect', '-f', `{{.State.${field}}}`, name);
  /** What both answer, which must be the same. */
  const same = async (...args: string[]): Promise<Finished> => {
    const [found, expected] = await Promise.all([ours.docker(...args), theirs.docker(...args)]);
    expect(plain(found), args.join(' ')).toEqual(plain(expected));
    return found;
  };

  it('takes images that shiplog exported, and gives images that it imports', async () => {
    expect(await docker('images', '--format', '{{.Repository}}:{{.Tag}}')).toContain(image);
    const saved = join(host.directory, 'saved.tar');
    await docker('save', '-o', saved, image);
    await host.ok('-n', 'back', 'load', '-i', saved);
    expect(await host.ok('-n', 'back', 'run', '--rm', image, 'echo', 'there and back')).toBe(
      'there and back',
    );
  });

  it('runs to the end: output, exit codes, and what can not start', async () => {
    expect(await same(...run('--rm', image, 'sh', '-c', 'echo out; echo err >&2; exit 3'))).toEqual({
      code: 3,
      out: 'out\n',
      err: 'err\n',
    });
    expect((await same(...run('--rm', image, 'nosuch'))).code).toBe(127);
    expect((await same(...run('--rm', image, '/etc'))).code).toBe(126);
    expect((await same(...run('--rm', '--init', image, 'sh', '-c', 'kill -9 $$'))).code).toBe(137);
    const long = await ours.docker(...run('--rm', image, 'sh', '-c', 'yes | head -c 3000000'));
    expect(long.out.length).toBe(3_000_000);
    expect(await ours.given({ input: 'to and fro' }, ...run('--rm', '-i', image, 'cat'))).toMatchObject({
      code: 0,
      out: 'to and fro',
    });
    await same(...run('--rm', '--runtime', 'io.containerd.runc.v2', image, 'true'));
    expect(
      (await ours.docker(...run('--rm', '--runtime', 'io.containerd.runtime.v1.linux', image))).err,
    ).toContain('use io.containerd.runc.v2');
  });

  it('gives a terminal of the size of its own', async () => {
    const line = `run --rm -it --network none ${image} sh -c 'sleep 1; stty size; exit 6'`;
    const { code, out } = await ours.onTerminal(line, { rows: 31, columns: 97 });
    expect({ code, out }).toMatchObject({ code: 6, out: expect.stringContaining('31 97') });
  });

  it('works on one that runs: exec, logs, top, stats, pause, update, restart, kill, wait', async () => {
    await Promise.all(
      [ours, theirs].map((one) => one.ok(...run('-d', '--name', 'one', image, 'sh', '-c', counting))),
    );
    await same('exec', 'one', 'sh', '-c', 'echo in; exit 9');
    await same('exec', 'one', 'nosuch');
    await same('exec', '-u', '1000', '-w', '/tmp', '-e', 'A=b', 'one', 'sh', '-c', 'id -u; pwd; echo $A');
    expect((await ours.given({ input: 'fed' }, 'exec', '-i', 'one', 'cat')).out).toBe('fed');
    await docker('exec', '-d', 'one', 'sleep', '1000');
    expect(await docker('logs', 'one')).toMatch(/^1\n2\n/);
    const top = await docker('top', 'one');
    for (const command of ['sleep 1000', 'trap "exit 7" TERM']) expect(top).toContain(command);
    expect(await docker('stats', '--no-stream', '--format', '{{.Name}} {{.PIDs}}', 'one')).toMatch(
      /^one [2-4]$/,
    );
    await same('pause', 'one');
    expect(await state('one', 'Status')).toBe('paused');
    await same('exec', 'one', 'true');
    await same('pause', 'one');
    await same('unpause', 'one');
    await docker('update', '--memory', '64m', '--memory-swap', '128m', '--cpus', '0.5', 'one');
    const id = await docker('inspect', '-f', '{{.Id}}', 'one');
    if (existsSync('/sys/fs/cgroup/memory')) {
      const limit = readFileSync(`/sys/fs/cgroup/memory/docker/${id}/memory.limit_in_bytes`, 'utf8');
      expect(limit.trim()).toBe(String(64 * 1024 * 1024));
    }
    expect(await host.ok('-n', 'moby', 'ps')).toContain(id.slice(0, 12));
    await same('stop', 'one');
    expect(await state('one', 'ExitCode')).toBe('7');
    await same('start', 'one');
    await same('restart', '-t', '5', 'one');
    await same('kill', '-s', 'KILL', 'one');
    await same('wait', 'one');
    expect(await state('one', 'OOMKilled')).toBe('false');
    await same('rm', 'one');
    await same('rm', 'one');
  });

  it('shares namespaces, brings volumes and networks, and builds', async () => {
    await detached('base', '--ipc', 'shareable', image, 'sleep', '1000');
    const into = ['--network', 'container:base', '--pid', 'container:base', '--ipc', 'container:base'];
    expect(await docker('run', '--rm', ...into, image, 'ps')).toContain('sleep 1000');
    await docker('rm', '-f', 'base');
    await docker(...run('--rm', '-v', 'kept:/data', image, 'touch', '/data/here'));
    expect(await docker(...run('--rm', '-v', 'kept:/data:ro', image, 'ls', '/data'))).toBe('here');
    await docker('volume', 'rm', 'kept');
    await docker('network', 'create', '--subnet', '10.213.97.0/24', 'between');
    await docker('run', '-d', '--name', 'peer', '--network', 'between', image, 'sleep', '1000');
    const seen = await docker('run', '--rm', '--network', 'between', image, 'cat', '/proc/net/fib_trie');
    expect(seen).toContain('10.213.97.3');
    await docker('rm', '-f', 'peer');
    await docker('network', 'rm', 'between');
    const built = await ours.given(
      { input: `FROM ${image}\nRUN echo made > /made\n` },
      'build',
      '-q',
      '-t',
      'built',
      '-',
    );
    expect(built.code, built.err).toBe(0);
    expect(await docker(...run('--rm', 'built', 'cat', '/made'))).toBe('made');
  });

  it('starts again what its restart policy says, and looks after its health', async () => {
    await detached('twice', '--restart', 'on-failure:2', image, 'sh', '-c', 'exit 4');
    await detached('always', '--restart', 'always', image, 'sh', '-c', 'sleep 0.3; exit 4');
    await detached(
      ...(['well', '--health-cmd', 'test -e /tmp/ok', '--health-interval', '300ms'] as const),
      ...['--health-retries', '2', image, 'sleep', '1000'],
    );
    await until(async () => (await restarts('twice')) === 2 && (await state('twice', 'Status')) === 'exited');
    await until(async () => (await restarts('always')) >= 2);
    await until(async () => (await state('well', 'Health.Status')) === 'unhealthy');
    await docker('exec', 'well', 'touch', '/tmp/ok');
    await until(async () => (await state('well', 'Health.Status')) === 'healthy');
    await docker('rm', '-f', 'twice', 'always', 'well');
  });

  it('says when memory ran out', async () => {
    const { code } = await ours.docker(
      ...run(
        '--name',
        'big',
        '-m',
        '20m',
        '--memory-swap',
        '20m',
        image,
        'dd',
        'if=/dev/zero',
        'of=/dev/null',
        'bs=200M',
      ),
    );
    expect({ code, oom: await state('big', 'OOMKilled') }).toEqual({ code: 137, oom: 'true' });
    await docker('rm', 'big');
  });

  it('says of a container whose shim was killed that it has ended', async () => {
    const id = await detached('orphan', image, 'sleep', '1000');
    const shims = processesNaming(id).filter(({ command }) => command.includes('containerd-shim'));
    for (const { pid } of shims) process.kill(pid, 'SIGKILL');
    expect(shims).toHaveLength(1);
    await until(async () => (await state('orphan', 'Status')) === 'exited');
    expect(await state('orphan', 'ExitCode')).toBe('137');
    await docker('rm', 'orphan');
  });

  it('tells the same events as at containerd', async () => {
    const since = String(Math.floor(Date.now() / 1000));
    const story = async (one: Dockerd): Promise<readonly string[]> => {
      await one.ok(...run('-d', '--name', 'told', image, 'sleep', '1000'));
      await one.ok('pause', 'told').then(() => one.ok('unpause', 'told'));
      // Last: what dockerd does after an exec keeps it from seeing a pause before its end, and it tells both twice then.
      await one.docker('exec', 'told', 'sh', '-c', 'exit 2');
      await one.ok('kill', 'told');
      await one.ok('wait', 'told');
      await one.ok('rm', 'told');
      const format = '{{.Type}} {{.Action}} {{.Actor.Attributes.exitCode}}';
      const now = String(Math.ceil(Date.now() / 1000) + 1);
      const told = await one.ok(
        ...['events', '--since', since, '--until', now, '--format', format, '--filter', 'container=told'],
      );
      return told.split('\n');
    };
    const [found, expected] = await Promise.all([story(ours), story(theirs)]);
    expect(found).toContain('container exec_die 2');
    expect(found).toEqual(expected);
  });

  /** Two of them end when they find a file at the gate. */
  const survivors = async (gate: string) => {
    const waiting = 'until [ -e /gate/open ]; do sleep 0.1; done';
    const gated = ['-v', `${gate}:/gate`];
    await detached('stays', ...gated, image, 'sh', '-c', counting);
    await detached('ends', ...gated, image, 'sh', '-c', `${waiting}; exit 5`);
    await detached('again', '--restart', 'always', ...gated, image, 'sh', '-c', `${waiting}; exit 6`);
    await detached('waits', image, 'sleep', '1000');
    await docker('pause', 'waits');
  };
  const gateOf = (name: string): string => {
    const gate = join(host.directory, `gate-${name}`);
    mkdirSync(gate);
    return gate;
  };
  /** Opens the gate, and gives those behind it time to end. */
  const open = async (gate: string) => {
    writeFileSync(join(gate, 'open'), '');
    await sleep(1000);
  };
  const restarts = async (name: string) => Number(await docker('inspect', '-f', '{{.RestartCount}}', name));
  const endSurvivors = async () => {
    await docker('unpause', 'waits');
    expect(await docker('exec', 'waits', 'echo', 'awake')).toBe('awake');
    await docker('stop', '-t', '0', 'waits');
    expect(await docker('exec', 'stays', 'echo', 'still here')).toBe('still here');
    const before = Number(await docker('logs', '--tail', '1', 'stays'));
    await until(async () => Number(await docker('logs', '--tail', '1', 'stays')) > before);
    const waiting = ours.docker('wait', 'stays');
    await docker('stop', 'stays');
    expect((await waiting).out).toBe('7\n');
    await docker('rm', '-f', 'stays', 'ends', 'again', 'waits');
  };

  it.each(['SIGTERM', 'SIGKILL'] as const)(
    'finds its containers again after a %s to dockerd',
    async (signal) => {
      const gate = gateOf(`dockerd-${signal}`);
      await survivors(gate);
      await ours.end(signal);
      await open(gate);
      await ours.start('--live-restore');
      await until(async () => (await state('ends', 'ExitCode')) === '5');
      await until(async () => (await restarts('again')) >= 1);
      await endSurvivors();
    },
    60_000,
  );

  it.each(['SIGKILL', 'SIGTERM'] as const)(
    'goes on after a %s to Shiplog beneath it',
    async (signal) => {
      const gate = gateOf(`shiplog-${signal}`);
      await survivors(gate);
      const line = 'echo in; until [ -e /gate/open ]; do sleep 0.1; done; exit 8';
      const extra = ours.spawn(['exec', 'stays', 'sh', '-c', line]);
      const during = finished(extra, 30_000);
      await new Promise((resolve) => extra.stdout?.once('data', resolve));
      const ended = ours.docker('wait', 'ends');
      // Its process speaks before dockerd has been told that it runs.
      await sleep(500);
      const began = performance.now();
      await host.end(signal);
      // Who only listens does not keep the daemon.
      expect(performance.now() - began).toBeLessThan(8000);
      await open(gate);
      expect((await ours.docker('exec', 'stays', 'true')).code).not.toBe(0);
      await host.start();
      // Nobody was there to tell when these ended; it is told when dockerd is back.
      expect((await ended).out).toBe('5\n');
      expect((await during).code).toBe(8);
      await until(async () => (await restarts('again')) >= 1);
      await endSurvivors();
    },
    60_000,
  );

  it('leaves nothing', async () => {
    await docker('system', 'prune', '-f', '--volumes');
    expect(await docker('ps', '-a', '--format', '{{.Names}} {{.Command}} {{.Status}}')).toBe('');
    const descriptors = () => readdirSync(`/proc/${host.pid}/fd`).length;
    const before = descriptors();
    for (let round = 0; round < 5; round++) await docker(...run('--rm', image, 'true'));
    await until(async () => descriptors() <= before + 2);
    await ours.end();
    const its = join(host.directory, 'a');
    const bundles = readdirSync(join(its, 'exec/containerd')).filter((name) => name.length === 64);
    expect(bundles).toEqual([]);
    // Of its own a dockerd with --live-restore leaves these.
    const kept = [join(its, 'data'), join(its, 'exec/netns/default')];
    expect(mountsBelow(its).filter((point) => !kept.includes(point))).toEqual([]);
    expect(mountsBelow(host.state)).toEqual([]);
    expect(await host.leaks()).toEqual([]);
  });
});
