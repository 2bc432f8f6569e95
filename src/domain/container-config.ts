import { z } from 'zod';
import { AbsolutePath, ContainerId } from './identity.ts';

/**
 * How a container is to run, as it stands in the log: the caller's flags over the image's defaults. Small and readable
 * where an OCI runtime specification is neither; the runtime adapter makes that out of this, the same on every replay.
 * Values of secret environment variables are not in here, only their names.
 */

export const BindOrTmpfs = z
  .object({
    type: z.enum(['bind', 'tmpfs']),
    /** Absolute host path for binds; empty for tmpfs. */
    source: z.string(),
    target: AbsolutePath,
    /** mount(8) words: `ro`, `rprivate`, `size=64m`, `mode=1777` … */
    options: z.array(z.string()),
  })
  .readonly();
export type BindOrTmpfs = z.infer<typeof BindOrTmpfs>;

export const Resources = z
  .object({
    /** Bytes. */
    memory: z.number().int().positive().optional(),
    /** Memory plus swap in bytes; -1 for unlimited swap. */
    memorySwap: z.number().int().min(-1).optional(),
    memoryReservation: z.number().int().positive().optional(),
    /** CPU time in microseconds per `cpuPeriod`. */
    cpuQuota: z.number().int().positive().optional(),
    cpuPeriod: z.number().int().min(1000).max(1_000_000).optional(),
    /** Relative weight, 1024 when absent. */
    cpuShares: z.number().int().min(2).max(262_144).optional(),
    /** As `0-3,7`. */
    cpusetCpus: z
      .string()
      .regex(/^[0-9,-]+$/)
      .optional(),
    cpusetMems: z
      .string()
      .regex(/^[0-9,-]+$/)
      .optional(),
    pids: z.number().int().positive().optional(),
    /** 10 to 1000. */
    blkioWeight: z.number().int().min(10).max(1000).optional(),
    hugepages: z.array(z.object({ pageSize: z.string(), limit: z.number().int().nonnegative() })).optional(),
    oomKillDisable: z.boolean().optional(),
  })
  .readonly();
export type Resources = z.infer<typeof Resources>;

export const Rlimit = z
  .object({
    type: z.string().regex(/^RLIMIT_[A-Z]+$/),
    soft: z.number().int().min(-1),
    hard: z.number().int().min(-1),
  })
  .readonly();
export type Rlimit = z.infer<typeof Rlimit>;

/** Where a linux namespace comes from: a fresh one, the host's, another container's, or the one at a path. */
export const NamespaceSource = z.union([
  z.literal('new'),
  z.literal('host'),
  z.object({ container: ContainerId }),
  z.object({ path: AbsolutePath }),
]);
export type NamespaceSource = z.infer<typeof NamespaceSource>;

export const linuxNamespaces = ['pid', 'network', 'ipc', 'mount', 'uts', 'cgroup', 'user'] as const;

export const ProcessConfig = z
  .object({
    /** Entrypoint and command joined; never empty. */
    args: z.array(z.string()).min(1),
    /** `NAME=value`; later ones win. */
    env: z.array(z.string()),
    /** Names whose values are kept out of the log (in a 0600 file of the container's). */
    secretEnv: z.array(z.string()),
    cwd: AbsolutePath,
    /** `user[:group]`, names or numbers; resolved inside the image. Empty means root. */
    user: z.string().max(256),
    terminal: z.boolean(),
    /** Keep standard input open for attaching. */
    stdin: z.boolean(),
    /** Initial size of the terminal. */
    consoleSize: z.object({ height: z.number().int(), width: z.number().int() }).optional(),
  })
  .readonly();
export type ProcessConfig = z.infer<typeof ProcessConfig>;

export const ContainerConfig = z
  .object({
    process: ProcessConfig,
    hostname: z.string().max(64),
    readonlyRootfs: z.boolean(),
    mounts: z.array(BindOrTmpfs),
    resources: Resources,
    rlimits: z.array(Rlimit),
    /** Over docker's default set; names with `CAP_`, or `ALL`. */
    capabilities: z.object({ add: z.array(z.string()), drop: z.array(z.string()) }),
    privileged: z.boolean(),
    noNewPrivileges: z.boolean(),
    /** `default`, `unconfined`, or the JSON text of a profile in Docker's format. */
    seccomp: z.string(),
    /** Profile name; empty for none. */
    apparmor: z.string(),
    /** Mask and make read-only the usual paths of /proc and /sys. */
    maskPaths: z.boolean(),
    namespaces: z.object({
      pid: NamespaceSource,
      network: NamespaceSource,
      ipc: NamespaceSource,
      uts: NamespaceSource,
      cgroup: NamespaceSource,
      /** `new` needs mappings: container ids from 0 on are host ids from `hostId` on. */
      user: z.union([
        z.literal('host'),
        z.object({ hostUid: z.number().int(), hostGid: z.number().int(), size: z.number().int() }),
      ]),
    }),
    devices: z.array(
      z.object({
        host: AbsolutePath,
        container: AbsolutePath,
        permissions: z.string().regex(/^[rwm]{1,3}$/),
      }),
    ),
    sysctls: z.record(z.string(), z.string()),
    /** Signal that `stop` sends first. */
    stopSignal: z.string(),
    /** Seconds that `stop` waits before it kills. */
    stopTimeout: z.number().int().min(0),
    oomScoreAdj: z.number().int().min(-1000).max(1000),
  })
  .readonly();
export type ContainerConfig = z.infer<typeof ContainerConfig>;
