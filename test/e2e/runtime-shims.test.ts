import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createSpecifications } from '../../src/adapters/runc/specifications.ts';
import { describeRuntime } from '../../src/adapters/shim/describe.ts';
import { createShimRuntime } from '../../src/adapters/shim/runtime.ts';
import { createSandboxShims } from '../../src/adapters/shim/sandboxes.ts';
import { SandboxId } from '../../src/domain/identity.ts';
import type { Runtime, TaskKey } from '../../src/engine/ports/runtime.ts';
import { missingHere } from '../support/machine.ts';
import { makeSandboxShim } from '../support/sandbox-shim-program.ts';
import { quietLogger, realClock, taskKey } from '../support/task.ts';
import { makeTempDir } from '../support/temp-dir.ts';
import { makeToyShim } from '../support/toy-shim-program.ts';

const missing = missingHere({ root: true });

describe.skipIf(missing)(`a shim that is not runc's${missing ? ` (skipped: ${missing})` : ''}`, () => {
  const temp = makeTempDir('shims');
  const state = join(temp.path, 'run');
  let shim: string;
  let runtime: Runtime;
  const openRuntime = () =>
    createShimRuntime({
      stateDirectory: state,
      address: join(temp.path, 'd.sock'),
      ttrpcAddress: join(temp.path, 'd.sock.ttrpc'),
      specification: createSpecifications(),
      logger: quietLogger,
      clock: realClock,
    });
  beforeAll(async () => {
    shim = await makeToyShim(temp.path);
    mkdirSync(state, { recursive: true });
    runtime = await openRuntime();
  });
  afterEach(async () => {
    for (const { task } of await runtime.probe()) await runtime.purge(task);
    delete process.env.TOY_SHIM;
  });
  afterAll(async () => {
    await runtime.close();
    temp.remove();
  });
  const bundle = ({ namespace, id }: TaskKey) => join(state, 'io.containerd.runtime.v2.task', namespace, id);
  const order = (stdout: string) => ({ stdin: '', stdout, stderr: '', terminal: false, rootfs: [] });
  const make = (id: string, args: readonly string[], stdout = '', name = shim) => {
    const task = taskKey(id);
    const spec = { typeUrl: 'spec', json: JSON.stringify({ process: { args } }) };
    return runtime
      .createOrdered({ task, runtime: { name }, spec, order: order(stdout) })
      .then(({ pid }) => ({ task, pid }));
  };

  it.each(['ttrpc-2', 'ttrpc-3', 'grpc-3'])('runs a task over %s, also after a restart', async (mode) => {
    process.env.TOY_SHIM = mode;
    const out = join(temp.path, `${mode}.out`);
    writeFileSync(out, '');
    const { task, pid } = await make(mode, ['sh', '-c', 'echo started; sleep 100 & wait'], out);
    expect(readFileSync(`/proc/${pid}/stat`, 'utf8')).toContain(') T ');
    expect(readFileSync(out, 'utf8')).toBe('');
    expect(await runtime.start(task)).toEqual({ pid });
    await expect.poll(() => readFileSync(out, 'utf8')).toBe('started\n');
    expect(JSON.parse(readFileSync(join(bundle(task), 'bootstrap.json'), 'utf8'))).toEqual({
      version: Number(mode.slice(-1)),
      protocol: mode.slice(0, -2),
      address: `unix://${bundle(task)}/toy.sock`,
    });

    await runtime.close();
    runtime = await openRuntime();
    expect(await runtime.probe()).toEqual([{ task, state: { status: 'running', pid }, execs: [] }]);
    await runtime.adopt(task);
    expect(await runtime.pids(task)).toEqual([pid]);
    const ended = runtime.wait(task);
    await runtime.signal(task, 9);
    expect((await ended).code).toBe(137);
    await expect(runtime.signal(task, 9)).rejects.toMatchObject({ code: 'not-found' });
    await runtime.delete(task);
    await expect.poll(() => existsSync(bundle(task))).toBe(false);
    expect(await runtime.probe()).toEqual([]);
  });

  it.each(['ttrpc-3', 'grpc-3'])('is missed when it dies, over %s', async (mode) => {
    process.env.TOY_SHIM = mode;
    const { task, pid } = await make(`dies-${mode}`, ['sleep', '100']);
    await runtime.start(task);
    const ended = runtime.wait(task);
    const parent = /^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    process.kill(Number(parent), 'SIGKILL');
    await expect(ended).rejects.toMatchObject({ code: 'unavailable' });
    process.kill(pid, 'SIGKILL');
    expect(await runtime.probe()).toMatchObject([{ task, state: { status: 'dead' } }]);
    expect((await runtime.purge(task))?.code).toBe(137);
    expect(existsSync(bundle(task))).toBe(false);
  });

  it.each(['', 'grpc'])('has the tasks of its sandbox, and stays when they go (%s)', async (speaks) => {
    const sandbox = await makeSandboxShim(temp.path);
    const sandboxes = createSandboxShims({
      stateDirectory: state,
      address: join(temp.path, 'd.sock'),
      ttrpcAddress: join(temp.path, 'd.sock.ttrpc'),
      logger: quietLogger,
    });
    const pod = { namespace: taskKey('x').namespace, id: SandboxId.parse('pod') };
    const options = { typeUrl: speaks, base64: '' };
    const nothing = { rootfs: [], netns: '', annotations: {} };
    const runtimeOf = { name: sandbox, options };
    const spec = { typeUrl: 'spec', json: '{}' };
    const inPod = (id: string, name = 'pod') =>
      runtime.createOrdered({
        task: taskKey(id),
        runtime: { name: shim },
        spec,
        order: order(''),
        sandbox: name,
      });
    await sandboxes.launch({
      sandbox: pod,
      runtime: runtimeOf,
      spec: undefined,
      options: undefined,
      ...nothing,
    });
    try {
      const { pid: infra } = await sandboxes.start(pod);
      const [one, two] = [await inPod('one'), await inPod('two')];
      const shimOf = (pid: number) =>
        /^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
      expect([shimOf(one.pid), shimOf(two.pid)]).toEqual([shimOf(infra), shimOf(infra)]);
      expect(readFileSync(join(bundle(taskKey('one')), 'sandbox'), 'utf8')).toBe('pod');
      await runtime.start(taskKey('one'));
      const ended = runtime.wait(taskKey('one'));
      await runtime.signal(taskKey('one'), 9);
      expect((await ended).code).toBe(137);
      await runtime.delete(taskKey('one'));
      expect(existsSync(bundle(taskKey('one')))).toBe(false);

      await runtime.close();
      runtime = await openRuntime();
      expect(await runtime.probe()).toMatchObject([{ task: taskKey('two'), state: { status: 'running' } }]);
      expect((await runtime.purge(taskKey('two')))?.code).toBe(137);
      expect(existsSync(`/proc/${two.pid}/cwd`)).toBe(false);
      expect(existsSync(bundle(taskKey('two')))).toBe(false);
      expect((await sandboxes.status(pod, false)).state).toBe('SANDBOX_READY');
      await expect(inPod('three', 'nobody')).rejects.toMatchObject({
        code: 'not-found',
        message: expect.stringMatching(/can't find sandbox nobody/),
      });
      await sandboxes.shutdown(pod);
      expect(existsSync(`/proc/${infra}/cwd`)).toBe(false);
    } finally {
      await sandboxes.purge(pod);
      sandboxes.close();
    }
  });

  it('is found on PATH by its name', async () => {
    const path = process.env.PATH;
    process.env.PATH = `${temp.path}:${path}`;
    try {
      const { task } = await make('named', ['true'], '', 'io.containerd.toy.v1');
      expect(readFileSync(join(bundle(task), 'shim-binary-path'), 'utf8')).toBe(shim);
    } finally {
      process.env.PATH = path;
    }
  });

  it('is refused where it speaks what nobody understands, and leaves nothing', async () => {
    process.env.TOY_SHIM = '{"version":9,"address":"unix:///x","protocol":"ttrpc"}';
    await expect(make('odd', ['true'])).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining('"version":9'),
    });
    expect(existsSync(bundle(taskKey('odd')))).toBe(false);
  });

  it('tells of itself', async () => {
    const options = { typeUrl: 'toy.Options', base64: 'AQID' };
    const told = await describeRuntime(shim, options);
    expect(told.typeUrl).toBe('containerd.types.RuntimeInfo');
    expect(Buffer.from('base64' in told ? told.base64 : '', 'base64').toString()).toContain(
      'io.containerd.toy.v1',
    );
    await expect(describeRuntime('io.containerd.nosuch.v1')).rejects.toMatchObject({ code: 'not-found' });
    await expect(describeRuntime('/bin/false')).rejects.toMatchObject({ code: 'unavailable' });
  });
});
