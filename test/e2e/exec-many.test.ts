import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ExecId } from '../../src/domain/identity.ts';
import type { TaskKey } from '../../src/engine/ports/runtime.ts';
import { missingHere } from '../support/machine.ts';
import { makeRuntimeHost, type RuntimeHost } from '../support/runtime-host.ts';
import { containerConfig } from '../support/task.ts';

const missing = missingHere({ root: true, programs: ['runc', 'containerd-shim-runc-v2'] });

/** As many starts at once as stop containerd's shim 1.6 for good where they are all sent to it. */
const crowd = 64;

describe.skipIf(missing)(`many execs at once${missing ? ` (skipped: ${missing})` : ''}`, () => {
  let host: RuntimeHost;
  let task: TaskKey;
  beforeAll(async () => {
    host = await makeRuntimeHost('execs');
    task = await host.create('box', containerConfig(['sleep', '1000']));
    await host.runtime.start(task);
  });
  afterAll(() => host?.close());

  const { process: plain } = containerConfig(['true']);
  /** One exec from its start to its removal. @returns its exit code */
  const exec = async (name: string, script: string): Promise<number> => {
    const execId = ExecId.parse(name);
    const paths = await host.stdio.open({ ...task, execId }, { terminal: false, stdin: false });
    await host.runtime.exec(task, execId, { ...plain, args: ['sh', '-c', script] }, {}, paths);
    await host.runtime.startExec(task, execId);
    const { code } = await host.runtime.wait(task, execId);
    await host.stdio.drained({ ...task, execId }, 2000);
    await host.runtime.delete(task, execId);
    await host.stdio.close({ ...task, execId });
    return code;
  };
  const numbers = Array.from({ length: crowd }, (_, number) => number);

  it('all end with their own exit codes, the short ones', async () => {
    expect(await Promise.all(numbers.map((number) => exec(`short-${number}`, `exit ${number}`)))).toEqual(
      numbers,
    );
  }, 60_000);
  it('all end with their own exit codes, those that run side by side and end together', async () => {
    const script = (number: number) => `while [ ! -e /tmp/go ]; do sleep 0.1; done; exit ${number}`;
    const ended = Promise.all(numbers.map((number) => exec(`long-${number}`, script(number))));
    expect(await exec('starter', 'sleep 3; touch /tmp/go')).toBe(0);
    expect(await ended).toEqual(numbers);
  }, 60_000);
});
