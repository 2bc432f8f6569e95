import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runProgram } from '../support/child.ts';
import { daemonMissing } from '../support/daemon.ts';
import { missingHere } from '../support/machine.ts';

const missing = daemonMissing() ?? missingHere({ programs: ['ctr', 'containerd'] });
const repository = join(import.meta.dirname, '../..');
const wrapper = join(repository, 'packaging/containerd');

describe.skipIf(missing !== undefined)(
  `shiplogd in containerd's place${missing ? ` (skipped: ${missing})` : ''}`,
  () => {
    let folder: string;
    let child: ChildProcess | undefined;
    let said = '';
    beforeEach(() => {
      folder = mkdtempSync('/var/tmp/shiplog-drop-in-');
      said = '';
    });
    afterEach(async () => {
      await stop();
      rmSync(folder, { recursive: true, force: true });
    });
    const stop = async (): Promise<number | null> => {
      const running = child;
      child = undefined;
      if (running === undefined || running.exitCode !== null) return running?.exitCode ?? null;
      const ended = new Promise<number | null>((resolve) => running.once('exit', resolve));
      running.kill('SIGTERM');
      return ended;
    };
    /** Starts the wrapper; resolves with whether it got ready. */
    const start = (args: readonly string[], program = wrapper): Promise<boolean> =>
      new Promise((resolve) => {
        child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] });
        child.stderr?.on('data', (bytes: Buffer) => {
          said += bytes;
          if (said.includes('"msg":"ready"')) resolve(true);
        });
        child.once('close', () => resolve(false));
      });
    const address = () => join(folder, 'containerd.sock');
    const config = (text = ''): string => {
      const file = join(folder, 'config.toml');
      writeFileSync(
        file,
        [
          'version = 2',
          `root = "${folder}/root"`,
          `state = "${folder}/state"`,
          text,
          `[grpc]\naddress = "${address()}"`,
          '',
        ].join('\n'),
      );
      return file;
    };
    const run = (program: string, ...args: string[]) => execFileSync(program, args, { encoding: 'utf8' });

    it('runs a command for a hook as containerd does', () => {
      writeFileSync(join(folder, 'config.json'), JSON.stringify({ root: { path: 'rootfs' } }));
      const state = { id: 'web', bundle: folder, pid: 42, status: 'created', annotations: { key: 'noted' } };
      const words = ['oci-hook', '--', '/bin/sh', '-c', 'echo "$@" $TOLD; exit 3', '{{id}}'];
      const told = (program: string) =>
        spawnSync(program, [...words, '--pid={{pid}}', '{{rootfs}}', '{{annotation "key"}}'], {
          input: JSON.stringify(state),
          encoding: 'utf8',
          env: { ...process.env, TOLD: 'in {{bundle}}' },
        });
      const { status, stdout, stderr } = told(wrapper);
      expect({ status, stdout, stderr }).toEqual({
        status: 3,
        stdout: `--pid=42 ${folder}/rootfs noted in ${folder}\n`,
        stderr: '',
      });
      expect(told('containerd')).toMatchObject({ status, stdout });
    });

    it('tells its version as containerd does', () => {
      const shape = /^containerd \S+ \d+\.\d+\.\d+\S*( \S+)?\n$/;
      expect(run('containerd', '--version')).toMatch(shape);
      expect(run(wrapper, '--version')).toMatch(shape);
      expect(run(wrapper, '-v')).toMatch(/^containerd shiplog /);
    });

    it('is containerd by a link of that name, too', () => {
      const link = join(folder, 'containerd');
      symlinkSync(join(repository, 'bin/shiplogd'), link);
      expect(run(link, '--version')).toMatch(/^containerd shiplog /);
    });

    it("prints a configuration that containerd's own program reads, and reads containerd's default one", async () => {
      const file = join(folder, 'default.toml');
      writeFileSync(file, run(wrapper, 'config', 'default'));
      expect(run('containerd', '--config', file, 'config', 'dump')).toContain(
        'address = "/run/containerd/containerd.sock"',
      );
      writeFileSync(file, run('containerd', 'config', 'default'));
      const ours = run(wrapper, '--config', file, 'config', 'dump');
      expect(ours).toContain('root = "/var/lib/containerd"');
      const migrated = join(folder, 'shiplog.toml');
      writeFileSync(migrated, run(wrapper, '--config', file, 'config', 'migrate'));
      expect(run(join(repository, 'bin/shiplogd'), '--config', migrated, 'config', 'dump')).toContain(
        'address = "/run/containerd/containerd.sock"',
      );
    });

    it("serves ctr on containerd's file, tells what it can't do, and is where the file puts it", async () => {
      const group = `shiplog-drop-in-${process.pid}`;
      const file = config(
        [
          'oom_score = 5',
          'disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.internal.v1.restart"]',
          'required_plugins = ["io.containerd.snapshotter.v1.overlayfs"]',
          `[cgroup]\npath = "/${group}"`,
          `[ttrpc]\naddress = "${folder}/t.sock"`,
          '[plugins."io.containerd.grpc.v1.cri"]\nsandbox_image = "pause"',
        ].join('\n'),
      );
      expect(await start(['--config', file, '--log-level', 'trace'])).toBe(true);
      const ctr = (...args: string[]) => runProgram('ctr', ['-a', address(), ...args]);
      expect(await ctr('version')).toContain('Server:');
      const plugins = await ctr('plugins', 'ls');
      expect(plugins).toMatch(/io\.containerd\.snapshotter\.v1 +overlayfs +linux\/amd64 +ok/);
      expect(plugins).toMatch(/io\.containerd\.snapshotter\.v1 +zfs +linux\/amd64 +skip/);
      expect(plugins).not.toContain('restart');
      expect(plugins).not.toContain('error');
      expect(said).toContain('plugins.\\"io.containerd.grpc.v1.cri\\".sandbox_image');
      expect(statSync(join(folder, 't.sock')).isSocket()).toBe(true);
      expect(existsSync(join(folder, 'root/log'))).toBe(true);
      const proc = `/proc/${child?.pid}`;
      expect(readFileSync(`${proc}/oom_score_adj`, 'utf8')).toBe('5\n');
      expect(readFileSync(`${proc}/cgroup`, 'utf8')).toContain(`/${group}\n`);
      expect(await stop()).toBe(0);
      for (const name of readFileSync('/proc/self/cgroup', 'utf8').matchAll(/^\d+:(?:name=)?([^:]*):/gm)) {
        for (const hierarchy of [name[1] ?? '', 'unified']) {
          const path = join('/sys/fs/cgroup', hierarchy, group);
          if (existsSync(path)) rmdirSync(path);
        }
      }
    });

    it('lets a group in where the file says so', async () => {
      const file = config();
      writeFileSync(file, `${readFileSync(file, 'utf8')}uid = 1234\ngid = 2345\n`);
      expect(await start(['-c', file])).toBe(true);
      const { uid, gid, mode } = statSync(address());
      expect({ uid, gid, mode: mode & 0o777 }).toEqual({ uid: 1234, gid: 2345, mode: 0o660 });
      const namespaces = (...who: string[]) =>
        runProgram('setpriv', [...who, '--clear-groups', 'ctr', '-a', address(), 'namespaces', 'ls']);
      mkdirSync(join(folder, 'x'));
      execFileSync('chmod', ['755', folder]);
      expect(await namespaces('--reuid=4321', '--regid=2345')).toContain('NAME');
      await expect(namespaces('--reuid=4321', '--regid=4321')).rejects.toThrow(/permission denied/);
    });

    it('does not start without a part that is required', async () => {
      const file = config('required_plugins = ["io.containerd.snapshotter.v1.zfs"]');
      expect(await start(['--config', file])).toBe(false);
      expect(said).toContain('io.containerd.snapshotter.v1.zfs is not there');
    });

    it('names file, key and value of what is wrong', async () => {
      const file = config('oom_score = "high"');
      expect(await start(['--config', file])).toBe(false);
      expect(said).toContain(`containerd: ${file}: oom_score: must be a whole number; it is "high"`);
    });
  },
);
