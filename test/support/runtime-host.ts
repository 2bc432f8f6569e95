import { existsSync, readdirSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Conmon, createConmon } from '../../src/adapters/conmon/conmon.ts';
import { createSpecifications } from '../../src/adapters/runc/specifications.ts';
import type { ShimRuntimeOptions } from '../../src/adapters/shim/options.ts';
import { createShimRuntime } from '../../src/adapters/shim/runtime.ts';
import { holderEntry } from '../../src/adapters/stdio/holder-entry.ts';
import { createContainerLogs } from '../../src/adapters/stdio/log-reader.ts';
import { createStdio } from '../../src/adapters/stdio/stdio.ts';
import type { ContainerConfig } from '../../src/domain/container-config.ts';
import type { Exit, Runtime, TaskKey } from '../../src/engine/ports/runtime.ts';
import type { Attachment, Stdio, StdioPaths } from '../../src/engine/ports/stdio.ts';
import { makeRootfs } from './rootfs.ts';
import { quietLogger, realClock, taskKey } from './task.ts';
import { makeTempDir } from './temp-dir.ts';

/** Who keeps the tasks. */
export type Keeping = 'shim' | 'conmon';

/** What a daemon has of running tasks: a runtime and the streams, which can be dropped and made again. */
export interface RuntimeHost {
  readonly directory: string;
  readonly rootfs: string;
  /** Control group above its containers, gone with it. */
  readonly cgroup: string;
  runtime: Runtime;
  stdio: Stdio;
  /** Lets go of everything, as a daemon that dies. */
  letGo(): Promise<void>;
  /** The same, and takes it up anew. */
  restart(options?: Partial<ShimRuntimeOptions>): Promise<void>;
  create(id: string, config: ContainerConfig, secrets?: Record<string, string>): Promise<TaskKey>;
  /** Creates, starts and waits; deletes unless it fails. */
  run(
    id: string,
    config: ContainerConfig,
    secrets?: Record<string, string>,
  ): Promise<{ exit: Exit; output: string }>;
  output(task: TaskKey): Promise<string>;
  close(): Promise<void>;
}

export const collect = async (attachment: Attachment): Promise<string> => {
  const parts: Uint8Array[] = [];
  for await (const chunk of attachment.output) parts.push(chunk.bytes);
  return Buffer.concat(parts).toString();
};

const shimName = 'io.containerd.runc.v2';

/** Removes the empty control groups of `/parent/default` in every hierarchy. */
const removeCgroups = (parent: string): void => {
  const root = '/sys/fs/cgroup';
  for (const hierarchy of ['', ...readdirSync(root)]) {
    for (const group of [join(root, hierarchy, parent, 'default'), join(root, hierarchy, parent)]) {
      if (existsSync(group)) rmdirSync(group);
    }
  }
};

interface Parts {
  readonly runtime: Runtime;
  readonly stdio: Stdio;
  close(): Promise<void>;
}

export const makeRuntimeHost = async (topic: string, keeping: Keeping = 'shim'): Promise<RuntimeHost> => {
  const temp = makeTempDir(topic);
  const rootfs = makeRootfs(join(temp.path, 'rootfs'));
  const cgroup = `/shiplog-test-${process.pid}`;
  const makeConmon = (): Conmon =>
    createConmon({
      stateDirectory: join(temp.path, 'run'),
      specification: createSpecifications({ cgroupParent: cgroup }),
      logger: quietLogger,
    });
  const makeRuntime = (options: Partial<ShimRuntimeOptions> = {}) =>
    createShimRuntime({
      stateDirectory: join(temp.path, 'run'),
      address: join(temp.path, 'd.sock'),
      ttrpcAddress: join(temp.path, 'd.sock.ttrpc'),
      specification: createSpecifications({ cgroupParent: cgroup }),
      logger: quietLogger,
      clock: realClock,
      ...options,
    });
  const makeStdio = () =>
    createStdio({ directory: join(temp.path, 'io'), entry: holderEntry(), idleMs: 300 });
  const makeParts = async (options: Partial<ShimRuntimeOptions> = {}): Promise<Parts> => {
    if (keeping === 'conmon') {
      const { runtime, stdio } = makeConmon();
      return { runtime, stdio, close: () => runtime.close() };
    }
    const runtime = await makeRuntime(options);
    const stdio = makeStdio();
    return {
      runtime,
      stdio,
      close: async () => {
        await runtime.close();
        stdio.disconnect();
      },
    };
  };
  const runtimeName = { name: keeping === 'shim' ? shimName : 'conmon' };
  let parts = await makeParts();
  const logOf = (task: TaskKey) => join(temp.path, 'logs', task.id, 'container.log');

  const host: RuntimeHost = {
    directory: temp.path,
    rootfs,
    cgroup,
    runtime: parts.runtime,
    stdio: parts.stdio,
    letGo: () => parts.close(),
    async restart(options = {}) {
      await parts.close();
      parts = await makeParts(options);
      host.runtime = parts.runtime;
      host.stdio = parts.stdio;
    },
    async create(id, config, secrets = {}) {
      const task = taskKey(id);
      const { terminal, stdin } = config.process;
      const log = { path: logOf(task), maxBytes: 1 << 20, maxFiles: 3 };
      const stdio: StdioPaths = await host.stdio.open(task, { terminal, stdin, log });
      await host.runtime.create({ task, config, secrets, rootfs, stdio, runtime: runtimeName });
      return task;
    },
    async run(id, config, secrets = {}) {
      const task = await host.create(id, config, secrets);
      await host.runtime.start(task);
      const exit = await host.runtime.wait(task);
      await host.stdio.drained(task, 5000);
      await host.runtime.delete(task);
      const output = await host.output(task);
      await host.stdio.close(task);
      return { exit, output };
    },
    async output(task) {
      const parts: Uint8Array[] = [];
      for await (const entry of createContainerLogs().read(logOf(task), { follow: false }))
        parts.push(entry.bytes);
      return Buffer.concat(parts).toString();
    },
    async close() {
      for (const { task } of await host.runtime.probe()) await host.runtime.purge(task);
      for (const key of await host.stdio.list()) await host.stdio.close(key);
      await parts.close();
      temp.remove();
      removeCgroups(cgroup);
    },
  };
  return host;
};
