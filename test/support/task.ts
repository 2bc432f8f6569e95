import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { ContainerConfig } from '../../src/domain/container-config.ts';
import { ContainerId, Namespace, Timestamp } from '../../src/domain/identity.ts';
import type { Clock } from '../../src/engine/ports/clock.ts';
import type { Logger } from '../../src/engine/ports/logger.ts';
import type { TaskKey } from '../../src/engine/ports/runtime.ts';

export type ConfigOverrides = Partial<Omit<ContainerConfig, 'process'>> & {
  readonly process?: Partial<ContainerConfig['process']>;
};

/** A container of busybox that runs `args`, with fresh namespaces and docker's defaults. */
export const containerConfig = (
  args: readonly string[],
  overrides: ConfigOverrides = {},
): ContainerConfig => {
  const { process, ...rest } = overrides;
  return ContainerConfig.parse({
    process: {
      args,
      env: [],
      secretEnv: [],
      cwd: '/',
      user: '',
      terminal: false,
      stdin: false,
      ...process,
    },
    hostname: 'box',
    readonlyRootfs: false,
    mounts: [],
    resources: {},
    rlimits: [],
    capabilities: { add: [], drop: [] },
    privileged: false,
    noNewPrivileges: false,
    seccomp: 'default',
    apparmor: '',
    maskPaths: true,
    namespaces: { pid: 'new', network: 'new', ipc: 'new', uts: 'new', cgroup: 'new', user: 'host' },
    devices: [],
    sysctls: {},
    stopSignal: 'SIGTERM',
    stopTimeout: 10,
    oomScoreAdj: 0,
    ...rest,
  });
};

export const taskKey = (id: string, namespace = 'default'): TaskKey => ({
  namespace: Namespace.parse(namespace),
  id: ContainerId.parse(id),
});

export const realClock: Clock = {
  now: () => ({
    wall: Timestamp.parse(Date.now() * 1000),
    mono: Number(process.hrtime.bigint() / 1000n),
    boot: readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim(),
  }),
  sleep: (ms, signal) =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(resolve, ms);
      signal?.addEventListener('abort', () => {
        clearTimeout(timer);
        reject(signal.reason);
      });
    }),
};

export const quietLogger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => quietLogger,
};

/** Why tests with real containers can't run here, or false. */
export const cannotRunContainers = (): string | false =>
  process.getuid?.() === 0
    ? false
    : `containers need root; this is uid ${process.getuid?.()} on ${hostname()}`;
