import { join } from 'node:path';
import { createArchives } from './adapters/archive/archives.ts';
import { createBlobStore } from './adapters/blobs/store.ts';
import { createExpressions } from './adapters/cel/expressions.ts';
import type { Config } from './adapters/config/schema.ts';
import { createConmon } from './adapters/conmon/conmon.ts';
import { createContainerFiles } from './adapters/linux/container-files.ts';
import { createHostInspector, hostPlatform, sha256 } from './adapters/linux/host.ts';
import { createProcessTable } from './adapters/linux/processes.ts';
import { createLogInspector } from './adapters/log-file/inspector.ts';
import { createMountFolders } from './adapters/overlay/mount-folders.ts';
import { createMounter } from './adapters/overlay/mounter.ts';
import { createRegistry } from './adapters/registry/registry.ts';
import { createSpecifications } from './adapters/runc/specifications.ts';
import { createShimRuntime } from './adapters/shim/runtime.ts';
import { createSandboxShims } from './adapters/shim/sandboxes.ts';
import { holderEntry } from './adapters/stdio/holder-entry.ts';
import { createContainerLogs } from './adapters/stdio/log-reader.ts';
import { createStdio } from './adapters/stdio/stdio.ts';
import type { Clock, Names } from './engine/ports/clock.ts';
import type { Log } from './engine/ports/log.ts';
import type { Logger } from './engine/ports/logger.ts';
import type { MountFolders } from './engine/ports/mount-folders.ts';
import type { Ports } from './engine/ports/ports.ts';
import type { SandboxShims } from './engine/ports/sandbox-shims.ts';
import type { TaskKey } from './engine/ports/task-key.ts';
import { runtimesTogether } from './engine/runtimes.ts';
import { openHostSnapshots } from './host-snapshots.ts';

export interface HostPortsOptions {
  readonly config: Config;
  readonly log: Log;
  /** Of the log's files. */
  readonly logDirectory: string;
  readonly clock: Clock;
  readonly names: Names;
  readonly logger: Logger;
  /** Of the kernel's start, as the clock tells it. */
  readonly boot: string;
  /** Whether snapshots can be shown under other ids. */
  readonly remapIds: Promise<boolean>;
  readonly version: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Everything the daemon reaches the world with. */
export interface HostPorts {
  readonly ports: Ports;
  readonly sandboxShims: SandboxShims;
  readonly mountFolders: MountFolders;
  /** Where snapshots lie. */
  readonly overlayDirectory: string;
  /** Starts ahead of need what the first container would wait for. */
  warm(): Promise<void>;
  /** Lets go of shims and streams; containers run on. */
  close(): Promise<void>;
}

/** Builds the adapters of a host. */
export const openHostPorts = async (options: HostPortsOptions): Promise<HostPorts> => {
  const { config, log, logDirectory, clock, names, logger, boot, version } = options;
  const registry = createRegistry({
    env: options.env,
    hostsDirectory: config.registry.config_path,
    ...(config.registry.docker_config === '' ? {} : { dockerConfigPath: config.registry.docker_config }),
    log: (message) => logger.info(message),
    userAgent: `shiplog/${version}`,
    limits: { stallMs: config.registry.stall_timeout },
    retry: { tries: config.registry.retries + 1 },
  });
  const holder = createStdio({
    directory: join(config.state, 'stdio'),
    entry: holderEntry(),
    idleMs: holderIdle,
  });
  const shims = await createShimRuntime({
    stateDirectory: config.state,
    address: config.grpc.address,
    ttrpcAddress: join(config.state, 'shims.sock'),
    specification: createSpecifications(),
    runtimeBinary: config.runtimes.binary,
    runtimeRoot: config.runtimes.root,
    shimCgroup: config.runtimes.shim_cgroup,
    noNewKeyring: config.runtimes.no_new_keyring,
    coreScheduling: config.runtimes.sched_core,
    mounter: createMounter(),
    logger,
    clock,
    timeouts: {
      shimStart: config.timeouts.shim_start,
      create: config.timeouts.shim_start,
      call: config.timeouts.shim,
      probe: config.timeouts.probe,
      purge: config.timeouts.shim_cleanup,
      shutdown: config.timeouts.shim_shutdown,
    },
  });
  const sandboxShims = createSandboxShims({
    stateDirectory: config.state,
    address: config.grpc.address,
    ttrpcAddress: join(config.state, 'shims.sock'),
    logger,
    timeouts: {
      shimStart: config.timeouts.shim_start,
      create: config.timeouts.shim_start,
      call: config.timeouts.shim,
      purge: config.timeouts.shim_cleanup,
      shutdown: config.timeouts.shim_shutdown,
    },
  });
  const conmon = createConmon({
    stateDirectory: config.state,
    specification: createSpecifications(),
    binary: config.runtimes.conmon,
    runtimeBinary: config.runtimes.binary,
    runtimeRoot: config.runtimes.root,
    noNewKeyring: config.runtimes.no_new_keyring,
    logger,
    timeouts: { create: config.timeouts.shim_start, call: config.timeouts.shim },
  });
  const light = { name: lightRuntime, ...conmon };
  const { runtime, stdio } = runtimesTogether(light, { runtime: shims, stdio: holder });
  const snapshots = await openHostSnapshots(config, options.remapIds);
  const containers = join(config.root, 'containers');
  const rootsDirectory = join(config.state, 'roots');
  const ports: Ports = {
    log,
    clock,
    names,
    blobs: createBlobStore({
      directory: join(config.root, 'content'),
      warn: (message) => logger.warn(message),
    }),
    ...snapshots.ports,
    registry,
    archives: createArchives(),
    runtime,
    stdio,
    containerLogs: createContainerLogs(),
    containerFiles: createContainerFiles(containers),
    processes: createProcessTable(),
    logInspector: createLogInspector(logDirectory),
    hostInspector: createHostInspector(config.runtimes.binary),
    expressions: createExpressions(),
    logger,
    host: {
      platform: hostPlatform(),
      boot,
      sha256,
      rootsDirectory,
      rootOf: ({ namespace, id }: TaskKey) => join(rootsDirectory, namespace, id),
      logOf: ({ namespace, id }: TaskKey) => ({
        path: join(containers, namespace, id, 'container.log'),
        maxBytes: config.container_logs.max_bytes,
        maxFiles: config.container_logs.max_files,
      }),
    },
  };
  const mountFolders = createMountFolders({ root: join(config.state, 'mounts'), open: [config.root] });
  return {
    ports,
    sandboxShims,
    mountFolders,
    overlayDirectory: snapshots.ports.snapshots.directory,
    // conmon holds streams itself: where it is the default, the holder starts with the first shim of ours.
    warm: async () => {
      if (config.runtimes.default !== lightRuntime) await holder.warm();
    },
    close: async () => {
      await runtime.close();
      holder.disconnect();
      await Promise.all([registry.close(), snapshots.close()]);
    },
  };
};

/** Containers that name this runtime are run by conmon and an OCI runtime alone, without a shim. */
const lightRuntime = 'conmon';

/** Milliseconds that the holder of streams stays without streams and without a daemon. */
const holderIdle = 5000;
