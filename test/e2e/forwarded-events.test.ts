import { spawn } from 'node:child_process';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { create, toBinary } from '@bufbuild/protobuf';
import { timestampNow } from '@bufbuild/protobuf/wkt';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectTtrpc } from '../../src/adapters/ttrpc/client.ts';
import { TaskOOMSchema } from '../../src/gen/containerd/events/task_pb.ts';
import { Events } from '../../src/gen/containerd/services/events/ttrpc/v1/events_pb.ts';
import { type DaemonHost, daemonMissing, startHost } from '../support/daemon.ts';
import { finished } from '../support/dockerd.ts';
import { missingHere } from '../support/machine.ts';
import { makeRootfs } from '../support/rootfs.ts';

const missing = daemonMissing() ?? missingHere({ programs: ['ctr', 'runc'] });

describe.skipIf(missing !== undefined)('events from outside', () => {
  let host: DaemonHost;
  beforeAll(async () => {
    host = await startHost('forwarded');
  });
  afterAll(() => host?.close());

  it('come in at <socket>.ttrpc and reach ctr; those of our own shims are told once', async () => {
    const path = `${host.address}.ttrpc`;
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const client = await connectTtrpc({ path, namespace: '', name: 'the daemon' }, 5000);
    const listener = spawn('ctr', ['-a', host.address, 'events'], { stdio: ['ignore', 'pipe', 'pipe'] });
    let told = '';
    listener.stdout.on('data', (bytes: Buffer) => {
      told += bytes;
    });
    const forward = (containerId: string) => {
      const event = {
        typeUrl: TaskOOMSchema.typeName,
        value: toBinary(TaskOOMSchema, create(TaskOOMSchema, { containerId })),
      };
      const envelope = { namespace: 'elsewhere', topic: '/tasks/oom', timestamp: timestampNow(), event };
      return client.call(Events.method.forward, { envelope }, 5000);
    };
    const deadline = performance.now() + 15_000;
    while (!told.includes('far-away') && performance.now() < deadline) {
      await forward('far-away');
      await sleep(50);
    }
    expect(told).toMatch(/elsewhere \/tasks\/oom \{"container_id":"far-away"\}/);

    const rootfs = makeRootfs(join(host.directory, 'rootfs'));
    const args = ['-a', host.address, 'run', '--rm', '--rootfs', rootfs, 'here', '/bin/true'];
    const run = spawn('ctr', args, { stdio: ['ignore', 'pipe', 'pipe'] });
    expect(await finished(run, 20_000)).toMatchObject({ code: 0 });
    while (!told.includes('/containers/delete') && performance.now() < deadline) await sleep(50);
    // What the shim has to say of it takes its time.
    await sleep(500);
    const topics = told.split('\n').flatMap((line) => /default (\/tasks\/\S+)/.exec(line)?.[1] ?? []);
    expect(topics).toEqual(['/tasks/create', '/tasks/start', '/tasks/exit', '/tasks/delete']);
    listener.kill();
    client.close();
  });
});
