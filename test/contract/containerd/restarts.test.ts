import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ServiceClient } from '../../../src/client/service-client.ts';
import { Containers } from '../../../src/gen/containerd/services/containers/v1/containers_pb.ts';
import { Tasks } from '../../../src/gen/containerd/services/tasks/v1/tasks_pb.ts';
import { Status } from '../../../src/gen/containerd/v1/types/task_pb.ts';
import { type ServedStore, servedStore } from '../../support/containerd-client.ts';

let served: ServedStore;
let tasks: ServiceClient<typeof Tasks>;
let containers: ServiceClient<typeof Containers>;
const id = 'web';
const label = (name: string) => `containerd.io/restart.${name}`;
beforeEach(async () => {
  served = await servedStore();
  tasks = served.client(Tasks);
  containers = served.client(Containers);
});
afterEach(() => served[Symbol.asyncDispose]());

const made = (labels: Record<string, string>, process: object = { args: ['sh'] }) =>
  containers.create({
    container: {
      id,
      labels: Object.fromEntries(Object.entries(labels).map(([name, value]) => [label(name), value])),
      spec: { typeUrl: 'spec', value: Buffer.from(JSON.stringify({ process })) },
      runtime: { name: 'io.containerd.runc.v2' },
    },
  });
const run = async () => {
  await tasks.create({ containerId: id, stdout: '/fifo' });
  await tasks.start({ containerId: id });
};
const end = async (code: number) => {
  const waiting = tasks.wait({ containerId: id });
  served.processes.end(id, code);
  await waiting;
};
const state = async () => (await tasks.get({ containerId: id })).process;
const count = async () => (await containers.get({ id })).container?.labels[label('count')];

describe('the restart monitor', () => {
  it('starts what has ended, by the daemon’s own hand and with the reason, and counts', async () => {
    await made({ status: 'running', policy: 'on-failure:2', loguri: 'file:///var/log/web' });
    await run();
    for (const expected of ['1', '2']) {
      await end(3);
      await served.restarts.look();
      expect((await state())?.status).toBe(Status.RUNNING);
      expect(await count()).toBe(expected);
    }
    await end(3);
    await served.restarts.look();
    expect(await state()).toMatchObject({ status: Status.STOPPED, exitStatus: 3 });
    expect(served.processes.orders[1]?.order).toMatchObject({
      stdin: '',
      stdout: 'file:///var/log/web',
      stderr: 'file:///var/log/web',
      rootfs: [],
    });
    const causes: unknown[] = [];
    for await (const batch of served.log.read({})) {
      causes.push(...batch.filter(({ type }) => type === 'task-create-requested').map(({ meta }) => meta));
    }
    expect(causes).toMatchObject([
      { actor: { client: expect.stringContaining('grpc') } },
      { actor: { client: 'shiplogd' }, reason: 'restart policy on-failure:2: it ended with 3' },
      { actor: { client: 'shiplogd' } },
    ]);
  });

  it('starts what never ran, with a terminal where its process has one', async () => {
    await made({ status: 'running' }, { args: ['sh'], terminal: true });
    await served.restarts.look();
    expect((await state())?.status).toBe(Status.RUNNING);
    expect(served.processes.orders[0]?.order).toMatchObject({
      stdout: 'file:///dev/null',
      stderr: '',
      terminal: true,
    });
  });

  it('ends and frees what is to be stopped', async () => {
    await made({ status: 'stopped' });
    await run();
    await served.restarts.look();
    await expect(state()).rejects.toMatchObject({ code: 'not-found' });
    expect(served.processes.asked).toEqual([{ signal: 9, all: true }]);
  });

  it('goes on with the others where one fails, and tries that again', async () => {
    await made({ status: 'running' });
    served.processes.refusal = new Error('no such program');
    await served.restarts.look();
    await expect(state()).rejects.toMatchObject({ code: 'not-found' });
    await served.restarts.look();
    expect((await state())?.status).toBe(Status.RUNNING);
    expect(await count()).toBe('2');
  });

  it('leaves a container without such labels, and one whose policy says no', async () => {
    await made({ policy: 'always' });
    await run();
    await end(1);
    await served.restarts.look();
    expect((await state())?.status).toBe(Status.STOPPED);
  });
});
