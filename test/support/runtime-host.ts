import { existsSync, readdirSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { createSpecifications } from '../../src/adapters/runc/specifications.ts';
import type { ShimRuntimeOptions } from '../../src/adapters/shim/options.ts';
import { createShimRuntime } from '../../src/adapters/shim/runtime.ts';
import { holderEntry } from '../../src/adapters/stdio/holder-entry.ts';
import { createContainerLogs } from '../../src/adapters/stdio/log-reader.ts';
import { createStdio, type HeldStdio } from '../../src/adapters/stdio/stdio.ts';
import type { ContainerConfig } from '../../src/domain/container-config.ts';
import type { Exit, Runtime, TaskKey } from '../../src/engine/ports/runtime.ts';
import type { Attachment, StdioPaths } from '../../src/engine/ports/stdio.ts';
import { makeRootfs } from './rootfs.ts';
import { quietLogger, realClock, taskKey } from './task.ts';
import { makeTempDir } from './temp-dir.ts';

/** What a daemon has of running tasks: a runtime and the streams, which can be dropped and made again. */
export interface RuntimeHost {
  readonly directory: string;
  readonly rootfs: string;
  /** Control group above its containers, gone with it. */
  readonly cgroup: string;
  runtime: Runtime;
  stdio: HeldStdio;
  /** Lets go of everything, as a daemon that dies, and takes it up anew. */
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

const ioName = { name: 'io.containerd.runc.v2' };

/** Removes the empty control groups of `/parent/default` in every hierarchy. */
const removeCgroups = (parent: string): void => {
  const root = '/sys/fs/cgroup';
  for (const hierarchy of ['', ...readdirSync(root)]) {
    for (const group of [join(root, hierarchy, parent, 'default'), join(root, hierarchy, parent)]) {
      if (existsSync(group)) rmdirSync(group);
    }
  }
};

export const makeRuntimeHost = async (topic: string): Promise<RuntimeHost> => {
  const temp = makeTempDir(topic);
  const rootfs = makeRootfs(join(temp.path, 'rootfs'));
  const cgroup = `/shiplog-test-${process.pid}`;
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
  const logOf = (task: TaskKey) => join(temp.path, 'logs', task.id, 'container.log');

  const host: RuntimeHost = {
    directory: temp.path,
    rootfs,
    cgroup,
    runtime: await makeRuntime(),
    stdio: makeStdio(),
    async restart(options = {}) {
      await host.runtime.close();
      host.stdio.disconnect();
      host.runtime = await makeRuntime(options);
      host.stdio = makeStdio();
    },
    async create(id, config, secrets = {}) {
      const task = taskKey(id);
      const { terminal, stdin } = config.process;
      const log = { path: logOf(task), maxBytes: 1 << 20, maxFiles: 3 };
      const stdio: StdioPaths = await host.stdio.open(task, { terminal, stdin, log });
      await host.runtime.create({ task, config, secrets, rootfs, stdio, runtime: ioName });
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
      await host.runtime.close();
      host.stdio.disconnect();
      temp.remove();
      removeCgroups(cgroup);
    },
  };
  return host;
};
