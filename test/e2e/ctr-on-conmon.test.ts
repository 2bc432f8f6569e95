import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Tasks } from '../../src/gen/containerd/services/tasks/v1/tasks_pb.ts';
import { runProgram } from '../support/child.ts';
import { containerdClient } from '../support/containerd-client.ts';
import type { DaemonHost } from '../support/daemon.ts';
import { missingHere } from '../support/machine.ts';
import { type RegistryHost, registryHostMissing, startRegistryHost } from '../support/registry-host.ts';

const missing = registryHostMissing() ?? missingHere({ root: true, programs: ['ctr', 'conmon'] });

describe.skipIf(missing !== undefined)(
  `a client of containerd's API on a container of shiplog run${missing === undefined ? '' : ` (${missing})`}`,
  () => {
    let setting: RegistryHost;
    let host: DaemonHost;
    let id: string;
    beforeAll(async () => {
      setting = await startRegistryHost('ctr-on-conmon');
      host = setting.host;
      id = (await host.ok('run', '-d', '--memory', '64m', setting.image, 'sleep', '600')).trim();
    }, 60_000);
    afterAll(() => setting.close(), 60_000);
    const ctr = (...args: string[]) => runProgram('ctr', ['-a', host.address, ...args]);

    it('reads its metrics', async () => {
      const told = await ctr('tasks', 'metrics', id);
      expect(told).toMatch(/^memory\.limit_in_bytes +67108864|^memory\.usage_limit +67108864/m);
      expect(told).toMatch(/^pids\.current +1 *$/m);
    });

    it('changes its limits', async () => {
      const tasks = containerdClient(host.address, Tasks);
      try {
        const limits = { memory: { limit: 134_217_728 }, pids: { limit: 77 } };
        await tasks.update({
          containerId: id,
          resources: {
            typeUrl: 'types.containerd.io/opencontainers/runtime-spec/1/LinuxResources',
            value: Buffer.from(JSON.stringify(limits)),
          },
        });
        const pid = (await ctr('tasks', 'ps', id)).split('\n')[1]?.trim().split(/\s+/)[0] ?? '';
        const group = /^\d+:pids:(.*)$|^0::(.*)$/m.exec(readFileSync(`/proc/${pid}/cgroup`, 'utf8'));
        const folders = ['/sys/fs/cgroup/pids', '/sys/fs/cgroup'].map((root) =>
          join(root, group?.[1] ?? group?.[2] ?? '', 'pids.max'),
        );
        expect(readFileSync(folders.find((path) => existsSync(path)) ?? '', 'utf8')).toBe('77\n');
        expect(await ctr('tasks', 'metrics', id)).toMatch(/134217728/);
        const wrong = { typeUrl: 'x', value: Buffer.from('no JSON') };
        await expect(tasks.update({ containerId: id, resources: wrong })).rejects.toThrow();
      } finally {
        tasks.close();
      }
    });
  },
);
