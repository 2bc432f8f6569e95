import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Leases } from '../../src/gen/containerd/services/leases/v1/leases_pb.ts';
import { Tasks } from '../../src/gen/containerd/services/tasks/v1/tasks_pb.ts';
import { busyboxLayout } from '../support/busybox-image.ts';
import { runProgram } from '../support/child.ts';
import { startContainerd } from '../support/containerd.ts';
import { containerdClient } from '../support/containerd-client.ts';
import { type DaemonHost, daemonMissing, startHost } from '../support/daemon.ts';
import { lingering } from '../support/lingering.ts';
import { missingHere } from '../support/machine.ts';
import { newerCriu } from '../support/newer-debian.ts';
import { makeRootfs } from '../support/rootfs.ts';

/** criu 3.17, as in Debian 12, fails on kernels from 6.1 on or so; 4.x works, which a newer Debian has. */
const newer = newerCriu();
const PATH = [newer, process.env.PATH].filter((path) => path !== undefined).join(':');
/** criu itself knows. */
const criuMissing = (): string | undefined => {
  const missing = newer === undefined ? missingHere({ programs: ['criu'] }) : undefined;
  if (missing) return missing;
  const { status, stderr } = spawnSync('criu', ['check'], {
    encoding: 'utf8',
    env: { ...process.env, PATH },
  });
  return status === 0 ? undefined : `criu check: ${stderr.trim().split('\n').at(-1)}`;
};
const missing =
  daemonMissing() ??
  missingHere({ programs: ['ctr', 'runc', 'containerd', 'containerd-shim-runc-v2'] }) ??
  criuMissing();

describe.skipIf(missing !== undefined)(`a task with criu${missing ? ` (skipped: ${missing})` : ''}`, () => {
  let host: DaemonHost;
  let rootfs: string;
  let archive: string;
  beforeAll(async () => {
    host = await startHost('ctr-checkpoint', { env: { PATH } });
    rootfs = makeRootfs(join(host.directory, 'rootfs'));
    writeFileSync(
      join(rootfs, 'bin/count'),
      'i=0; while :; do i=$((i+1)); echo $i > /tmp/n; sleep 0.1; done\n',
    );
    const layout = await busyboxLayout(host.directory);
    archive = join(host.directory, 'busybox.tar');
    execFileSync('tar', ['-C', layout.directory, '-cf', archive, '.']);
  }, 60_000);
  afterAll(() => host?.close());
  const namespace = `criu-${process.pid}`;
  const ctr = (...args: string[]) => runProgram('ctr', ['-a', host.address, '-n', namespace, ...args]);
  const counted = () => Number(readFileSync(join(rootfs, 'tmp/n'), 'utf8'));
  const log = () => `file://${host.directory}/out.log`;
  const start = async (id: string): Promise<void> => {
    writeFileSync(join(rootfs, 'tmp/n'), '0');
    await ctr('run', '-d', '--log-uri', log(), '--rootfs', rootfs, id, '/bin/sh', '/bin/count');
    await expect.poll(counted, { timeout: 10_000 }).toBeGreaterThan(5);
  };

  it('is written into a folder of ctr’s, and ends where ctr says so', async () => {
    await start('folder');
    const folder = join(host.directory, 'images');
    await ctr('tasks', 'checkpoint', '--exit', '--image-path', folder, 'folder');
    expect(readdirSync(folder)).toEqual(expect.arrayContaining(['descriptors.json', 'inventory.img']));
    await expect.poll(() => ctr('tasks', 'ls')).toContain('STOPPED');
    await ctr('tasks', 'rm', 'folder').catch((error: Error) => expect(error.message).toContain('137'));
    await ctr('containers', 'rm', 'folder');
  });

  it('goes on from a checkpoint in the content store as if nothing had been', async () => {
    await start('content');
    const leases = containerdClient(host.address, Leases, { namespace });
    const tasks = containerdClient(host.address, Tasks, { namespace, lease: 'kept' });
    try {
      await leases.create({ id: 'kept' });
      const { descriptors } = await tasks.checkpoint({ containerId: 'content' });
      expect(descriptors).toHaveLength(2);
      const [checkpoint] = descriptors;
      if (checkpoint === undefined) throw new Error('there is no checkpoint');
      expect(await ctr('content', 'ls')).toContain(checkpoint.digest);
      await ctr('tasks', 'kill', '-s', 'SIGKILL', 'content');
      await expect.poll(() => ctr('tasks', 'ls')).toContain('STOPPED');
      await tasks.delete({ containerId: 'content' });
      const before = counted();
      writeFileSync(join(rootfs, 'tmp/n'), '0');
      const streams = { stdout: log(), stderr: log() };
      await tasks.create({ containerId: 'content', ...streams, checkpoint });
      await tasks.start({ containerId: 'content' });
      await expect.poll(counted, { timeout: 10_000 }).toBeGreaterThan(5);
      expect(counted()).toBeGreaterThan(before / 2);
      expect(readdirSync(join(host.state, 'checkpoints'))).toEqual([]);
      await ctr('tasks', 'rm', '-f', 'content').catch(() => undefined);
      await ctr('containers', 'rm', 'content');
      await leases.delete({ id: 'kept' });
      expect(existsSync(join(rootfs, 'tmp/n'))).toBe(true);
    } finally {
      tasks.close();
      leases.close();
    }
    expect(await host.leaks()).toEqual([]);
  }, 60_000);

  /** A counter in an image's container goes on from `ctr containers checkpoint`, its memory and what it wrote with it. */
  const journey = async (address: string, folder: string) => {
    mkdirSync(folder, { recursive: true });
    const count = join(folder, 'n');
    const at = (...args: string[]) => runProgram('ctr', ['-a', address, '-n', namespace, ...args]);
    const counted = () => Number(readFileSync(count, 'utf8') || '0');
    await at('images', 'import', archive);
    const [image = ''] = (await at('images', 'ls', '-q')).split('\n');
    const mount = `type=bind,src=${folder},dst=/shared,options=rbind:rw`;
    const script =
      'echo kept > /kept; i=$(cat /shared/from); while :; do i=$((i+1)); echo $i > /shared/n; sleep 0.1; done';
    writeFileSync(count, '0');
    writeFileSync(join(folder, 'from'), '1000');
    const run = ['run', '-d', '--log-uri', `file://${folder}/out.log`, '--mount', mount];
    await at(...run, image, 'counter', '/bin/sh', '-c', script);
    await expect.poll(counted, { timeout: 10_000 }).toBeGreaterThan(5);
    await at('containers', 'checkpoint', '--task', '--rw', '--image', 'counter', 'local/counter:1');
    await at('tasks', 'rm', '-f', 'counter').catch(() => undefined);
    await at('containers', 'rm', 'counter');
    for (const file of [count, join(folder, 'from')]) writeFileSync(file, '0');
    const restored = at('containers', 'restore', '--live', '--rw', 'back', 'local/counter:1').then(
      () => 'ended',
      (error: Error) => error.message,
    );
    await expect.poll(counted, { timeout: 10_000 }).toBeGreaterThan(0);
    const wentOn = counted() > 1000;
    const look = ['back', '/bin/sh', '-c', lingering('cat /kept')];
    const kept = await at('tasks', 'exec', '--exec-id', 'look', ...look);
    await at('tasks', 'kill', '-s', 'SIGKILL', 'back');
    const end = await restored;
    await at('containers', 'rm', 'back');
    return { wentOn, kept, end };
  };

  it('goes on from what ctr containers checkpoint wrote, as with containerd', async () => {
    const containerd = await startContainerd(join(host.directory, 'containerd'), { env: { PATH } });
    try {
      const ours = await journey(host.address, join(host.directory, 'ours'));
      const theirs = await journey(containerd.address, join(host.directory, 'theirs'));
      expect(ours).toEqual(theirs);
      expect(ours).toMatchObject({ wentOn: true, kept: 'kept\n' });
    } finally {
      await containerd.stop();
    }
    expect(await host.leaks()).toEqual([]);
  }, 90_000);
});
