import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fromBinary } from '@bufbuild/protobuf';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { ServiceClient } from '../../../src/client/service-client.ts';
import { SandboxExitSchema } from '../../../src/gen/containerd/events/sandbox_pb.ts';
import { Events } from '../../../src/gen/containerd/services/events/v1/events_pb.ts';
import { Controller, Store } from '../../../src/gen/containerd/services/sandbox/v1/sandbox_pb.ts';
import { type ServedStore, servedStore } from '../../support/containerd-client.ts';
import { missingHere } from '../../support/machine.ts';
import { makeSandboxShim } from '../../support/sandbox-shim-program.ts';
import { makeTempDir } from '../../support/temp-dir.ts';

const missing = missingHere({ root: true });
const programs = makeTempDir('sandbox-shim', '/var/tmp');
let shim: string;
beforeAll(async () => {
  shim = await makeSandboxShim(programs.path);
});
afterAll(() => programs.remove());

let served: ServedStore;
let controller: ServiceClient<typeof Controller>;
beforeEach(async () => {
  served = await servedStore();
  controller = served.client(Controller);
});
afterEach(async () => {
  for (const { id } of runs()) await controller.shutdown(named(id));
  await served[Symbol.asyncDispose]();
});

const runs = () => [...served.ledger.durable.world.sandbox.runs.values()];
const named = (sandboxId: string) => ({ sandboxId, sandboxer: 'shim' });
const empty = new Uint8Array();
const launch = (sandboxId: string, refuses = '', more: object = {}) =>
  controller.create({
    ...named(sandboxId),
    sandbox: { sandboxId, runtime: { name: shim, options: { typeUrl: refuses, value: empty } } },
    ...more,
  });
const alive = (pid: number): boolean => existsSync(`/proc/${pid}/cwd`);
const types = async () => {
  const all: string[] = [];
  for await (const batch of served.log.read({ to: served.log.durable }))
    all.push(...batch.map(({ type }) => type));
  return all.filter((type) => type.startsWith('sandbox-'));
};

describe.skipIf(missing !== undefined)(`a sandbox in a shim of its own ${missing ?? ''}`, () => {
  it('is created, started, stopped, waited for and shut down, each act between its events', async () => {
    await launch('pod');
    const started = await controller.start(named('pod'));
    expect(started).toMatchObject({ sandboxId: 'pod', version: 3 });
    expect(started.address).toMatch(/^unix:\/\/.*sandbox\.sock$/);
    expect(Number(started.createdAt?.seconds)).toBe(1_700_000_000);
    expect(alive(started.pid)).toBe(true);
    const waited = controller.wait(named('pod'));
    await controller.stop({ ...named('pod'), timeoutSecs: 1 });
    expect(await waited).toMatchObject({ exitStatus: 137 });
    await vi.waitFor(async () => expect(await types()).toContain('sandbox-exited'));
    // Its end is known for as long as its shim is there.
    expect(await controller.wait(named('pod'))).toMatchObject({ exitStatus: 137 });
    await controller.shutdown(named('pod'));
    expect(runs()).toEqual([]);
    const told = await types();
    expect(told.slice(0, 4)).toEqual([
      'sandbox-launch-requested',
      'sandbox-launched',
      'sandbox-start-requested',
      'sandbox-started',
    ]);
    expect([...told.slice(4)].sort()).toEqual([
      'sandbox-exited',
      'sandbox-shut-down',
      'sandbox-shutdown-requested',
      'sandbox-stop-requested',
      'sandbox-stopped',
    ]);
  });

  it('is asked over gRPC where its shim speaks that', async () => {
    await launch('pod', 'grpc');
    const started = await controller.start(named('pod'));
    expect(alive(started.pid)).toBe(true);
    expect((await controller.status(named('pod'))).state).toBe('SANDBOX_READY');
    const waited = controller.wait(named('pod'));
    await controller.stop(named('pod'));
    expect(await waited).toMatchObject({ exitStatus: 137 });
    await controller.shutdown(named('pod'));
    expect(alive(started.pid)).toBe(false);
    expect(runs()).toEqual([]);
  });

  it('is told of to those who subscribe to events', async () => {
    const from = served.log.durable;
    await launch('pod');
    await controller.start(named('pod'));
    await controller.stop(named('pod'));
    const told: unknown[] = [];
    const filters = ['topic~=/sandboxes/'];
    for await (const { topic, event, shiplogPosition } of served
      .client(Events, { from })
      .subscribe({ filters })) {
      expect(event?.typeUrl).toMatch(/^containerd\.events\.Sandbox/);
      const { sandboxId, ...rest } = fromBinary(SandboxExitSchema, event?.value ?? empty);
      expect(shiplogPosition).toBeGreaterThan(from);
      told.push([topic, sandboxId, rest.exitStatus]);
      if (told.length === 3) break;
    }
    expect(told).toEqual([
      ['/sandboxes/create', 'pod', 0],
      ['/sandboxes/start', 'pod', 0],
      ['/sandboxes/exit', 'pod', 137],
    ]);
  });

  it('gets what its client says, and tells what its shim says', async () => {
    const rootfs = [{ type: 'bind', source: '/x', target: '', options: ['ro'] }];
    const spec = { typeUrl: 's', value: Buffer.from('{"hostname":"h"}') };
    const sandbox = { sandboxId: 'pod', runtime: { name: shim }, spec };
    await controller.create({
      ...named('pod'),
      sandbox,
      rootfs,
      netnsPath: '/run/netns/a',
      annotations: { colour: 'red' },
    });
    const { info, state } = await controller.status({ ...named('pod'), verbose: true });
    expect(info).toEqual({
      netns: '/run/netns/a',
      annotation: 'red',
      rootfs: '1',
      specification: '{"hostname":"h"}',
    });
    expect(state).toBe('SANDBOX_CREATED');
    expect((await controller.platform(named('pod'))).platform).toMatchObject({ architecture: 'riscv64' });
    const { metrics } = await controller.metrics(named('pod'));
    expect(metrics).toMatchObject({ id: 'pod', data: { typeUrl: 'sandbox.Metrics' } });
    await controller.update(named('pod'));
  });

  it('is made by its record where the call says nothing', async () => {
    const record = { sandboxId: 'pod', runtime: { name: shim } };
    await served.client(Store).create({ sandbox: record });
    await controller.create(named('pod'));
    expect(runs()).toMatchObject([{ id: 'pod', runtime: shim, status: 'launched' }]);
    await expect(controller.create(named('nobody'))).rejects.toMatchObject({ code: 'invalid-argument' });
  });

  it('leaves nothing behind where its shim refuses to make it', async () => {
    await expect(launch('pod', 'create')).rejects.toMatchObject({
      code: 'failed-precondition',
      message: /create is refused/,
    });
    expect(runs()).toEqual([]);
    expect(await types()).toEqual(['sandbox-launch-requested', 'sandbox-launch-failed']);
    await launch('pod');
  });

  it('is shut down where it does not start', async () => {
    await launch('pod', 'start');
    await expect(controller.start(named('pod'))).rejects.toMatchObject({ message: /start is refused/ });
    expect(runs()).toEqual([]);
    expect((await types()).at(-1)).toBe('sandbox-shut-down');
  });

  it('goes on where its shim does not stop it', async () => {
    await launch('pod', 'stop');
    const { pid } = await controller.start(named('pod'));
    await expect(controller.stop(named('pod'))).rejects.toMatchObject({ message: /stop is refused/ });
    expect(alive(pid)).toBe(true);
    expect(await types()).toContain('sandbox-action-failed');
  });

  it('is lost, and cleaned up after, when its shim is killed', async () => {
    await launch('pod');
    const { address, pid } = await controller.start(named('pod'));
    const bundle = address.slice('unix://'.length).replace(/\/sandbox\.sock$/, '');
    const lost = expect(controller.wait(named('pod'))).rejects.toMatchObject({ code: 'unavailable' });
    process.kill(Number(readFileSync(join(bundle, 'shim.pid'), 'utf8')), 'SIGKILL');
    process.kill(pid, 'SIGKILL');
    await lost;
    await vi.waitFor(() => expect(runs()).toEqual([]));
    expect((await types()).at(-1)).toBe('sandbox-lost');
    expect(existsSync(bundle)).toBe(false);
    expect(existsSync(join(bundle, '../pod.deleted'))).toBe(true);
  });
});

describe('what does not run', () => {
  it('has ended, as containerd has it; stopping it does nothing', async () => {
    const { state, exitedAt } = await controller.status(named('pod'));
    expect(state).toBe('');
    expect(Number(exitedAt?.seconds)).toBeGreaterThan(1_700_000_000);
    await controller.stop(named('pod'));
  });
  it.each(['start', 'platform', 'wait', 'shutdown', 'metrics', 'update'] as const)(
    'is not found by %s',
    async (method) => {
      await expect(controller[method](named('pod'))).rejects.toMatchObject({ code: 'not-found' });
    },
  );
  it('is not found where its runtime is not here', async () => {
    const sandbox = { sandboxId: 'pod', runtime: { name: 'io.containerd.nosuch.v9' } };
    await expect(controller.create({ ...named('pod'), sandbox })).rejects.toMatchObject({
      code: 'not-found',
    });
  });
  it('has a controller by name only', async () => {
    await expect(controller.start({ sandboxId: 'pod' })).rejects.toMatchObject({ code: 'invalid-argument' });
    await expect(controller.start({ sandboxId: 'pod', sandboxer: 'podsandbox' })).rejects.toMatchObject({
      code: 'not-found',
      message: /failed to get sandbox controller by podsandbox/,
    });
  });
});
