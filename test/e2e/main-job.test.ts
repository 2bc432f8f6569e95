import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DaemonHost } from '../support/daemon.ts';
import { type RegistryHost, registryHostMissing, startRegistryHost } from '../support/registry-host.ts';
import type { RegistryServer } from '../support/registry-server.ts';

const missing = registryHostMissing();

describe.skipIf(missing !== undefined)(
  `the main job, with the built programs${missing === undefined ? '' : ` (${missing})`}`,
  () => {
    let setting: RegistryHost;
    let host: DaemonHost;
    let registry: RegistryServer;
    let image: string;

    beforeAll(async () => {
      setting = await startRegistryHost('main-job');
      ({ host, image, registry } = setting);
    }, 60_000);
    afterAll(() => setting.close(), 60_000);

    const run = (...args: string[]) => host.shiplog(['run', '--rm', ...args]);
    /** Runs `sh -c script` with these flags and gives what it printed. */
    const script = async (flags: readonly string[], text: string) => {
      const { code, out, err } = await run(...flags, image, 'sh', '-c', text);
      expect({ code, err }).toEqual({ code: 0, err: '' });
      return out.trimEnd();
    };

    it('pulls an image, and finds it up to date the second time', async () => {
      expect(await host.ok('images', '--format', '{{.Repository}}:{{.Tag}}')).toBe(image);
      expect(await host.ok('pull', image)).toMatch(/up to date/i);
    });

    it('hands on output, errors and the exit code', async () => {
      const ended = await run(image, 'sh', '-c', 'echo out; echo err >&2; exit 7');
      expect(ended).toEqual({ code: 7, out: 'out\n', err: 'err\n' });
    });

    it('takes standard input', async () => {
      const ended = await host.shiplog(['run', '--rm', '-i', image, 'cat'], { input: 'through and back\n' });
      expect(ended).toEqual({ code: 0, out: 'through and back\n', err: '' });
    });

    it('hands on megabytes without a gap', async () => {
      const { out } = await run(image, 'seq', '1', '300000');
      expect(out).toBe(`${Array.from({ length: 300_000 }, (_, at) => at + 1).join('\n')}\n`);
    });

    it('removes the container after --rm and keeps it without', async () => {
      expect(await host.ok('ps', '-aq')).toBe('');
      await host.shiplog(['run', '--name', 'kept', image, 'true']);
      expect(await host.ok('ps', '-a', '--format', '{{.Names}} {{.Status}}')).toMatch(/^kept Exited \(0\)/);
      await host.ok('rm', 'kept');
      expect(await host.ok('ps', '-aq')).toBe('');
    });

    it('sets the environment, from the image, flags and the caller', async () => {
      const { out } = await host.shiplog(['run', '--rm', '-e', 'A=1 2', '-e', 'MINE', image, 'env'], {
        env: { MINE: 'from-caller' },
      });
      expect(out.split('\n')).toEqual(
        expect.arrayContaining(['A=1 2', 'MINE=from-caller', 'FROM_IMAGE=yes']),
      );
    });

    it('mounts volumes, read-only ones and tmpfs', async () => {
      const shared = join(host.directory, 'shared');
      writeFileSync(shared, 'from the host\n');
      expect(
        await script(
          ['-v', `${shared}:/data/in:ro`],
          'cat /data/in; echo x 2>/dev/null >/data/in || echo read-only',
        ),
      ).toBe('from the host\nread-only');
      expect(
        await script(
          ['--mount', `type=bind,source=${shared},target=/data/m`],
          'echo changed >/data/m; cat /data/m',
        ),
      ).toBe('changed');
      expect(readFileSync(shared, 'utf8')).toBe('changed\n');
      expect(await script(['--tmpfs', '/scratch:size=1m'], 'mount | grep " /scratch "')).toMatch(
        /^tmpfs on \/scratch .*size=1024k/,
      );
    });

    it('shows its limits in the control group', async () => {
      const id = (
        await host.ok('run', '-d', '-m', '64m', '--cpus', '0.5', '--pids-limit', '33', image, 'sleep', '100')
      ).trim();
      const pid = await host.ok('inspect', '-f', '{{.State.Pid}}', id);
      const groups = readFileSync(`/proc/${pid}/cgroup`, 'utf8').split('\n');
      const value = (controller: string, file: string) => {
        const line = groups.find((group) => group.split(':')[1]?.split(',').includes(controller)) ?? '';
        return readFileSync(
          join('/sys/fs/cgroup', line === '' ? '' : controller, groupOf(line, groups), file),
          'utf8',
        ).trim();
      };
      if (existsSync('/sys/fs/cgroup/cgroup.controllers')) {
        expect(value('memory', 'memory.max')).toBe(String(64 * 1024 * 1024));
        expect(value('cpu', 'cpu.max')).toBe('50000 100000');
        expect(value('pids', 'pids.max')).toBe('33');
      } else {
        expect(value('memory', 'memory.limit_in_bytes')).toBe(String(64 * 1024 * 1024));
        expect(value('cpu', 'cpu.cfs_quota_us')).toBe('50000');
        expect(value('pids', 'pids.max')).toBe('33');
      }
      await host.ok('rm', '-f', id);
    });

    it('says when the kernel killed a process of it for memory', async () => {
      const greedy = 'while :; do sh -c "x=a; while :; do x=\\$x\\$x; done"; sleep 0.3; done';
      await host.ok('run', '-d', '--name', 'greedy', '-m', '8m', image, 'sh', '-c', greedy);
      const killed = () => host.ok('inspect', '-f', '{{.State.OOMKilled}}', 'greedy');
      await expect.poll(killed, { timeout: 10_000 }).toBe('true');
      await host.ok('rm', '-f', 'greedy');
    });

    it('isolates as told', async () => {
      expect(await script(['--read-only'], 'touch /x 2>&1 || echo refused')).toMatch(
        /Read-only file system\nrefused/,
      );
      expect(await script(['-u', 'app', '-w', '/tmp'], 'id -u; id -g; pwd')).toBe('1000\n1000\n/tmp');
      expect(await script(['-h', 'ship'], 'hostname')).toBe('ship');
      expect(await script(['--network', 'none'], 'ls /sys/class/net')).toBe('lo');
      expect(await script(['--network', 'host'], 'ls /sys/class/net')).toBe(
        readdirSync('/sys/class/net').sort().join('\n'),
      );
      expect(await script(['--cap-drop', 'ALL'], 'grep CapEff /proc/self/status')).toMatch(/\t0{16}$/);
      expect(await script(['--ulimit', 'nofile=77:88'], 'ulimit -n; ulimit -Hn')).toBe('77\n88');
      expect(
        await script(['--security-opt', 'no-new-privileges'], 'grep NoNewPrivs /proc/self/status'),
      ).toMatch(/\t1$/);
      expect(
        await script(['--security-opt', 'seccomp=unconfined'], 'grep Seccomp: /proc/self/status'),
      ).toMatch(/\t0$/);
      expect(await script([], 'grep Seccomp: /proc/self/status')).toMatch(/\t2$/);
      const all = readFileSync('/proc/self/status', 'utf8').match(/CapBnd:\t(\w+)/)?.[1];
      expect(await script(['--privileged'], 'grep CapEff /proc/self/status')).toBe(`CapEff:\t${all}`);
    });

    it('replaces the entrypoint', async () => {
      const ended = await run('--entrypoint', 'echo', image, 'an', 'argument');
      expect(ended).toEqual({ code: 0, out: 'an argument\n', err: '' });
    });

    it('gives a terminal', async () => {
      const { out, code } = await host.onTerminal(
        `stty rows 31 cols 97; shiplog run --rm -it ${image} sh -c 'stty size; exit 3'; echo code=$?`,
        { input: '' },
      );
      expect(code).toBe(0);
      expect(out).toMatch(/31 97.*code=3/s);
    });

    it('keeps the value of a secret out of the log', async () => {
      const secret = 'not-for-the-log-1a2b3c';
      const { out } = await host.shiplog(
        ['run', '--rm', '--secret-env', 'TOKEN', image, 'sh', '-c', 'echo $TOKEN'],
        { env: { TOKEN: secret } },
      );
      expect(out).toBe(`${secret}\n`);
      await host.shiplog([
        'run',
        '-d',
        '--name',
        'holder',
        '--secret-env',
        `TOKEN=${secret}`,
        image,
        'sleep',
        '100',
      ]);
      expect((await host.shiplog(['exec', 'holder', 'sh', '-c', 'echo $TOKEN'])).out).toBe(`${secret}\n`);
      const files = readdirSync(join(host.root, 'log'), { recursive: true, withFileTypes: true });
      const kept = files.filter((entry) => entry.isFile());
      expect(kept.map(({ name }) => name)).toContainEqual(expect.stringMatching(/\.segment$/));
      // by grep, which passes over files that are renamed meanwhile
      const { status, stdout } = spawnSync('grep', ['-rsl', '--', secret, join(host.root, 'log')]);
      expect({ status: status === 0, files: stdout.toString() }).toEqual({ status: false, files: '' });
      expect(await host.ok('inspect', 'holder')).not.toContain(secret);
      await host.ok('rm', '-f', 'holder');
    });

    it('tells 125, 126 and 127 apart', async () => {
      expect(await run('--no-such-flag', image)).toMatchObject({
        code: 125,
        err: expect.stringMatching(/no-such-flag/),
      });
      expect(await run(image, '/etc/motd')).toMatchObject({
        code: 126,
        err: expect.stringMatching(/permission denied/i),
      });
      expect(await run(image, 'nosuch')).toMatchObject({
        code: 127,
        err: expect.stringMatching(/nosuch.*not found/s),
      });
    });

    it('pushes what it pulled, and others can pull that', async () => {
      const copy = `${registry.host}/copies/box:v2`;
      await host.ok('tag', image, copy);
      await host.ok('push', '-q', copy);
      await host.ok('rmi', copy);
      expect(await host.ok('images', '-q', copy)).toBe('');
      await host.ok('pull', '-q', copy);
      expect((await run(copy, 'echo', 'again')).out).toBe('again\n');
      await host.ok('rmi', copy);
    });

    it('can be verified, and the views equal a replay', async () => {
      expect(await host.shiplog(['verify'])).toMatchObject({ code: 0, out: expect.stringMatching(/replay/) });
    });
  },
);

/** The path of the group: on the unified hierarchy there is one line for all. */
const groupOf = (line: string, groups: readonly string[]): string =>
  (line === '' ? groups.find((group) => group.startsWith('0::')) : line)?.split(':')[2] ?? '';
