import { EMPTY } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { ExecId } from '../../../src/domain/identity.ts';
import type { Runtime, TaskKey, TaskOrder } from '../../../src/engine/ports/runtime.ts';
import type { Stdio } from '../../../src/engine/ports/stdio.ts';
import { type Keeper, runtimesTogether } from '../../../src/engine/runtimes.ts';
import { containerConfig, taskKey } from '../../support/task.ts';

describe('two runtimes as one', () => {
  const asked: string[] = [];
  const orders: TaskOrder[] = [];
  const keeper = (who: string): Keeper => {
    const tell = (what: string) => async (task: TaskKey) => void asked.push(`${who} ${what} ${task.id}`);
    return {
      runtime: {
        oom: EMPTY,
        create: async (order: TaskOrder) => {
          orders.push(order);
          asked.push(`${who} create ${order.task.id}`);
          return { pid: 1 };
        },
        createOrdered: async ({ task }: { task: TaskKey }) => {
          asked.push(`${who} ordered ${task.id}`);
          return { pid: 1 };
        },
        probe: async () => [{ task: taskKey(who), state: { status: 'running', pid: 77 }, execs: [] }],
        delete: tell('delete'),
        purge: tell('purge'),
        close: async () => void asked.push(`${who} close`),
      } as unknown as Runtime,
      stdio: {
        open: tell('open'),
        close: tell('closes'),
        list: async () => [taskKey(who)],
      } as unknown as Stdio,
    };
  };
  const held = new Set(['light']);
  const { runtime, stdio } = runtimesTogether(
    { ...keeper('light'), name: 'conmon', holds: ({ id }) => held.has(id) },
    keeper('shim'),
  );
  const order = (id: string, name: string, overrides = {}): TaskOrder => ({
    task: taskKey(id),
    config: containerConfig(['true'], overrides),
    secrets: {},
    rootfs: '/',
    stdio: { stdin: '', stdout: '', stderr: '', terminal: false },
    runtime: { name },
  });
  const heard = (): string[] => asked.splice(0);

  it('make a task by the name that its container has', async () => {
    await runtime.create(order('a', 'conmon'));
    await runtime.create(order('b', 'io.containerd.runc.v2'));
    expect(heard()).toEqual(['light create a', 'shim create b']);
  });
  it('make a task that a client ordered with a shim, whatever its name', async () => {
    const request = { task: taskKey('c'), runtime: { name: 'conmon' } } as Parameters<
      Runtime['createOrdered']
    >[0];
    await runtime.createOrdered(request);
    expect(heard()).toEqual(['shim ordered c']);
  });
  it('are asked by what is there', async () => {
    await runtime.delete(taskKey('light'));
    await runtime.purge(taskKey('other'));
    await stdio.close(taskKey('light'));
    expect(heard()).toEqual(['light delete light', 'shim purge other', 'light closes light']);
  });
  it('open streams for a task by its runtime, and for a further process by its task', async () => {
    const plain = { terminal: false, stdin: false };
    await stdio.open(taskKey('new'), { ...plain, runtime: 'conmon' });
    await stdio.open(taskKey('new'), { ...plain, runtime: 'io.containerd.runc.v2' });
    await stdio.open({ ...taskKey('light'), execId: ExecId.parse('e') }, plain);
    await stdio.open({ ...taskKey('other'), execId: ExecId.parse('e') }, plain);
    expect(heard()).toEqual(['light open new', 'shim open new', 'light open light', 'shim open other']);
  });
  it('tell together what they have', async () => {
    expect((await runtime.probe()).map(({ task }) => task.id)).toEqual(['light', 'shim']);
    expect((await stdio.list()).map(({ id }) => id)).toEqual(['light', 'shim']);
    await runtime.close();
    expect(heard()).toEqual(['light close', 'shim close']);
  });
  it("join each other's namespaces, and leave their own for themselves", async () => {
    const network = (id: string) => ({
      namespaces: {
        ...{ pid: 'new', ipc: 'new', uts: 'new', cgroup: 'new', user: 'host' },
        network: { container: id },
      },
    });
    orders.length = 0;
    await runtime.create(order('d', 'conmon', network('shim')));
    await runtime.create(order('e', 'conmon', network('light')));
    await runtime.create(order('f', 'io.containerd.runc.v2', network('light')));
    expect(orders.map(({ config }) => config.namespaces.network)).toEqual([
      { path: '/proc/77/ns/net' },
      { container: 'light' },
      { path: '/proc/77/ns/net' },
    ]);
  });
});
