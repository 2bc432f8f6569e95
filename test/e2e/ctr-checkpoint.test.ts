import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Leases } from '../../src/gen/containerd/services/leases/v1/leases_pb.ts';
import { Tasks } from '../../src/gen/containerd/services/tasks/v1/tasks_pb.ts';
import { runProgram } from '../support/child.ts';
import { containerdClient } from '../support/containerd-client.ts';
import { type DaemonHost, daemonMissing, startHost } from '../support/daemon.ts';
import { missingHere } from '../support/machine.ts';
import { makeRootfs } from '../support/rootfs.ts';

/** criu 3.17, as in Debian 12, fails on kernels from 6.1 on or so; 4.x works. criu itself knows. */
const criuMissing = (): string | undefined => {
  const missing = missingHere({ programs: ['criu'] });
  if (missing) return missing;
  const { status, stderr } = spawnSync('criu', ['check'], { encoding: 'utf8' });
  return status === 0 ? undefined : `criu check: ${stderr.trim().split('\n').at(-1)}`;
};
const missing = daemonMissing() ?? missingHere({ programs: ['ctr', 'runc'] }) ?? criuMissing();

describe.skipIf(missing !== undefined)(`a task with criu${missing ? ` (skipped: ${missing})` : ''}`, () => {
  let host: DaemonHost;
  let rootfs: string;
  beforeAll(async () => {
    host = await startHost('ctr-checkpoint');
    rootfs = makeRootfs(join(host.directory, 'rootfs'));
    writeFileSync(
      join(rootfs, 'bin/count'),
      'i=0; while :; do i=$((i+1)); echo $i > /tmp/n; sleep 0.1; done\n',
    );
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
});
