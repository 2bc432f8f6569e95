import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ServiceClient } from '../../../src/client/service-client.ts';
import { StartFailure } from '../../../src/engine/ports/runtime.ts';
import { Containers } from '../../../src/gen/containerd/services/containers/v1/containers_pb.ts';
import { Tasks } from '../../../src/gen/containerd/services/tasks/v1/tasks_pb.ts';
import { Status } from '../../../src/gen/containerd/v1/types/task_pb.ts';
import { type ServedStore, servedStore } from '../../support/containerd-client.ts';

let served: ServedStore;
let tasks: ServiceClient<typeof Tasks>;
const containerId = 'web';
const streams = { stdin: '/f/0', stdout: '/f/1', stderr: 'binary:///bin/log', terminal: false };
const spec = { typeUrl: 'spec', value: Buffer.from('{"process":{"args":["sh"]}}') };

beforeEach(async () => {
  served = await servedStore();
  tasks = served.client(Tasks);
  await served.client(Containers).create({
    container: { id: containerId, spec, runtime: { name: 'io.containerd.runc.v2' } },
  });
});
afterEach(() => served[Symbol.asyncDispose]());

const create = (more: object = {}) => tasks.create({ containerId, ...streams, ...more });
const running = async () => {
  await create();
  await tasks.start({ containerId });
};
const addExec = (execId = 'e1') =>
  tasks.exec({
    containerId,
    execId,
    ...streams,
    spec: { typeUrl: 'p', value: Buffer.from('{"args":["ps"]}') },
  });
const state = async (execId = '') => (await tasks.get({ containerId, execId })).process;
const types = async () => {
  const all: string[] = [];
  for await (const batch of served.log.read({})) all.push(...batch.map(({ type }) => type));
  return all.filter((type) => /task|exec/.test(type));
};

describe('a task', () => {
  it('is made with the root, streams and options of the client', async () => {
    const rootfs = [{ type: 'overlay', source: 'overlay', target: '', options: ['lowerdir=/a'] }];
    const options = { typeUrl: 'containerd.runc.v1.Options', value: new Uint8Array([50, 1, 120]) };
    const { pid } = await create({ rootfs, options, runtimePath: '/opt/shim' });
    expect(pid).toBe(101);
    expect(served.processes.orders).toMatchObject([
      {
        task: { namespace: 'default', id: containerId },
        runtime: { name: 'io.containerd.runc.v2' },
        spec: { json: '{"process":{"args":["sh"]}}' },
        order: { ...streams, rootfs, options: { base64: 'MgF4' }, runtimePath: '/opt/shim' },
      },
    ]);
    expect(await state()).toMatchObject({ id: containerId, pid: 101, status: Status.CREATED, ...streams });
  });
  it('runs, ends, and stays until it is deleted', async () => {
    await running();
    expect((await state())?.status).toBe(Status.RUNNING);
    await expect(tasks.delete({ containerId })).rejects.toMatchObject({ code: 'failed-precondition' });
    const waiting = tasks.wait({ containerId });
    served.processes.end(containerId, 3);
    expect(await waiting).toMatchObject({ exitStatus: 3, exitedAt: { seconds: 1_795_000_000n } });
    expect(await state()).toMatchObject({ status: Status.STOPPED, pid: 101, exitStatus: 3 });
    await expect(served.client(Containers).delete({ id: containerId })).rejects.toMatchObject({
      code: 'failed-precondition',
    });
    expect(await tasks.delete({ containerId })).toMatchObject({ id: containerId, pid: 101, exitStatus: 3 });
    await expect(state()).rejects.toMatchObject({ code: 'not-found', message: /not found/ });
    expect((await tasks.list({})).tasks).toEqual([]);
    await served.client(Containers).delete({ id: containerId });
    expect(await types()).toEqual([
      'task-create-requested',
      'task-created',
      'task-start-requested',
      'task-started',
      'task-exited',
      'task-deleted',
    ]);
  });
  it('is ended where it is deleted before it was started', async () => {
    await create();
    expect(await tasks.delete({ containerId })).toMatchObject({ exitStatus: 137 });
    await expect(state()).rejects.toMatchObject({ code: 'not-found' });
  });
  it('is made and started once', async () => {
    await running();
    await expect(create()).rejects.toMatchObject({ code: 'already-exists', message: /already exists/ });
    await expect(tasks.start({ containerId })).rejects.toMatchObject({ code: 'failed-precondition' });
  });
  it.each(['create', 'start'] as const)(
    'is gone where its %s fails, with the words of the runtime',
    async (stage) => {
      if (stage === 'start') await create();
      served.processes.refusal = new StartFailure(127, 'runc: exec: "nosuch": not found');
      const failing = stage === 'create' ? create() : tasks.start({ containerId });
      await expect(failing).rejects.toMatchObject({ code: 'unknown', message: /exec: "nosuch": not found/ });
      await expect(state()).rejects.toMatchObject({ code: 'not-found' });
      await create();
    },
  );
  it('takes signals, of which a stopped one knows nothing', async () => {
    await running();
    const waiting = tasks.wait({ containerId });
    await tasks.kill({ containerId, signal: 15, all: true });
    expect(await waiting).toMatchObject({ exitStatus: 143 });
    expect(served.processes.asked).toEqual([{ signal: 15, all: true }]);
    await expect(tasks.kill({ containerId, signal: 9 })).rejects.toMatchObject({
      code: 'not-found',
      message: /process already finished/,
    });
    await expect(tasks.kill({ containerId, signal: 99 })).rejects.toMatchObject({ code: 'invalid-argument' });
  });
  it('is paused and resumed', async () => {
    await running();
    await tasks.pause({ containerId });
    expect((await state())?.status).toBe(Status.PAUSED);
    await expect(tasks.pause({ containerId })).rejects.toMatchObject({ code: 'failed-precondition' });
    await tasks.resume({ containerId });
    expect((await state())?.status).toBe(Status.RUNNING);
  });
  it('is resized, told the end of its input, limited, counted and measured', async () => {
    await running();
    await tasks.resizePty({ containerId, width: 80, height: 24 });
    await tasks.closeIO({ containerId, stdin: true });
    const resources = { typeUrl: 'r', value: Buffer.from('{"pids":{"limit":9}}') };
    await tasks.update({ containerId, resources, annotations: { why: 'x' } });
    expect(served.processes.asked).toEqual([
      { width: 80, height: 24 },
      'closed',
      { resources: { typeUrl: 'r', json: '{"pids":{"limit":9}}' }, annotations: { why: 'x' } },
    ]);
    const { processes } = await tasks.listPids({ containerId });
    expect(processes).toMatchObject([{ pid: 7 }, { pid: 8, info: { typeUrl: 'details' } }]);
    const { metrics } = await tasks.metrics({ filters: [`id==${containerId}`] });
    expect(metrics).toMatchObject([
      { id: containerId, data: { typeUrl: 'io.containerd.cgroups.v1.Metrics' } },
    ]);
    expect((await tasks.metrics({ filters: ['id==other'] })).metrics).toEqual([]);
  });
  it('is not known where there is none', async () => {
    for (const id of [containerId, 'nobody']) {
      const asked = [tasks.get, tasks.start, tasks.delete, tasks.pause, tasks.listPids, tasks.wait];
      for (const ask of asked) {
        await expect(ask({ containerId: id })).rejects.toMatchObject({
          code: 'not-found',
          message: /not found/,
        });
      }
    }
    await expect(tasks.create({ containerId: 'nobody' })).rejects.toMatchObject({ code: 'not-found' });
  });
});

describe('an extra process', () => {
  beforeEach(running);
  it('is made, started, ended and deleted, one step at a time', async () => {
    await addExec();
    expect(await state('e1')).toMatchObject({ id: 'e1', containerId, status: Status.CREATED, pid: 0 });
    await expect(addExec()).rejects.toMatchObject({ code: 'already-exists' });
    expect(await tasks.start({ containerId, execId: 'e1' })).toMatchObject({ pid: 102 });
    expect((await state('e1'))?.status).toBe(Status.RUNNING);
    const waiting = tasks.wait({ containerId, execId: 'e1' });
    served.processes.end(`${containerId}/e1`, 5);
    expect(await waiting).toMatchObject({ exitStatus: 5 });
    expect(await state('e1')).toMatchObject({ status: Status.STOPPED, pid: 102, exitStatus: 5 });
    expect(await tasks.deleteProcess({ containerId, execId: 'e1' })).toMatchObject({
      id: 'e1',
      pid: 102,
      exitStatus: 5,
    });
    await expect(state('e1')).rejects.toMatchObject({ code: 'not-found' });
    expect((await types()).slice(4)).toEqual([
      'client-exec-requested',
      'client-exec-created',
      'exec-start-requested',
      'exec-started',
      'exec-exited',
      'exec-deleted',
    ]);
  });
  it('has ended before its task, however the shim tells of both', async () => {
    await addExec();
    await tasks.start({ containerId, execId: 'e1' });
    const waiting = tasks.wait({ containerId });
    served.processes.end(containerId, 0);
    served.processes.end(`${containerId}/e1`, 137);
    await waiting;
    expect((await types()).slice(-2)).toEqual(['exec-exited', 'task-exited']);
  });
  it('that outlives its task does not keep the end of that from being told', async () => {
    await addExec();
    await tasks.start({ containerId, execId: 'e1' });
    served.processes.end(containerId, 4);
    expect(await tasks.wait({ containerId })).toMatchObject({ exitStatus: 4 });
  });
  it('takes signals of its own', async () => {
    await addExec();
    await tasks.start({ containerId, execId: 'e1' });
    const waiting = tasks.wait({ containerId, execId: 'e1' });
    await tasks.kill({ containerId, execId: 'e1', signal: 9 });
    expect(await waiting).toMatchObject({ exitStatus: 137 });
    expect((await state())?.status).toBe(Status.RUNNING);
  });
  it('that can not start stays until it is deleted', async () => {
    await addExec();
    served.processes.refusal = new StartFailure(126, 'exec: "x": permission denied');
    await expect(tasks.start({ containerId, execId: 'e1' })).rejects.toMatchObject({ code: 'unknown' });
    expect((await state('e1'))?.status).toBe(Status.STOPPED);
    await tasks.deleteProcess({ containerId, execId: 'e1' });
  });
  it('that the shim would not take is not there', async () => {
    served.processes.refusal = new StartFailure(125, 'no');
    await expect(addExec()).rejects.toMatchObject({ code: 'unknown' });
    await expect(state('e1')).rejects.toMatchObject({ code: 'not-found' });
    await addExec();
  });
});
