import type { MessageInitShape } from '@bufbuild/protobuf';
import type { ContainerOptionsSchema, ResourceOptionsSchema } from '../../../gen/shiplog/v1/containers_pb.ts';
import type { CliIo } from '../cli-io.ts';
import { UsageError } from '../exit-codes.ts';
import { readEnv, readLabels, readPairs, readSecretEnv } from '../parse/env.ts';
import { parseMount, parseTmpfs, parseVolume } from '../parse/mounts.ts';
import { parseUlimit } from '../parse/rlimit.ts';
import { readSecurityOption } from '../parse/security.ts';
import type { ContainerFlags } from './flags.ts';

type Options = MessageInitShape<typeof ContainerOptionsSchema>;

/** Without the keys whose value is undefined: an absent flag leaves its field absent. */
export const given = <T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };

const checkMode = (flag: string, mode: string | undefined, allowed: readonly string[]): string => {
  if (mode === undefined || mode === '') return '';
  const fits = allowed.some((word) =>
    word.endsWith(':') ? mode.startsWith(word) && mode !== word : mode === word,
  );
  if (!fits) {
    const words = allowed.map((word) => (word.endsWith(':') ? `${word}ID` : word)).join(', ');
    throw new UsageError(`${flag} '${mode}' is not supported; give ${words}`);
  }
  return mode === 'private' ? '' : mode;
};

const userNamespace = (mode: string | undefined): string => {
  if (mode === undefined || mode === 'host') return mode ?? '';
  if (/^\d+:\d+:\d+$/.test(mode)) return mode;
  throw new UsageError(`--userns '${mode}' is not supported; give host or HOSTUID:HOSTGID:SIZE`);
};

const resourcesOf = (flags: ContainerFlags): MessageInitShape<typeof ResourceOptionsSchema> => {
  if (flags.cpus !== undefined && flags.cpuQuota !== undefined) {
    throw new UsageError('--cpus and --cpu-quota set the same limit; give one of them');
  }
  // Docker takes 0 and -1 for no limit of processes; the API knows that as absent.
  const pids = flags.pidsLimit !== undefined && flags.pidsLimit > 0n ? flags.pidsLimit : undefined;
  return given({
    memory: flags.memory,
    memorySwap: flags.memorySwap,
    memoryReservation: flags.memoryReservation,
    cpus: flags.cpus,
    cpuQuota: flags.cpuQuota,
    cpuPeriod: flags.cpuPeriod,
    cpuShares: flags.cpuShares,
    cpusetCpus: flags.cpusetCpus,
    cpusetMems: flags.cpusetMems,
    pids,
    blkioWeight: flags.blkioWeight,
    oomKillDisable: flags.oomKillDisable,
  });
};

const isolationOf = (flags: ContainerFlags, io: CliIo) => ({
  hostname: flags.hostname ?? '',
  capAdd: flags.capAdd ?? [],
  capDrop: flags.capDrop ?? [],
  privileged: flags.privileged ?? false,
  security: (flags.securityOpt ?? []).map((text) => readSecurityOption(text, io)),
  network: checkMode('--network', flags.network, ['none', 'host', 'container:']),
  pidMode: checkMode('--pid', flags.pid, ['host', 'private', 'container:']),
  ipcMode: checkMode('--ipc', flags.ipc, ['host', 'private', 'container:']),
  utsMode: checkMode('--uts', flags.uts, ['host', 'private', 'container:']),
  cgroupMode: checkMode('--cgroupns', flags.cgroupns, ['host', 'private']),
  usernsMode: userNamespace(flags.userns),
  sysctls: readPairs('--sysctl', flags.sysctl),
});

const terminalOf = (flags: ContainerFlags, io: CliIo) =>
  flags.tty
    ? { terminal: true, consoleWidth: io.stdout.columns ?? 0, consoleHeight: io.stdout.rows ?? 0 }
    : { terminal: false };

/** The flags of `run` and `create` as the API's message. @throws UsageError that names the flag */
export const containerOptions = (
  image: string,
  command: readonly string[],
  flags: ContainerFlags,
  io: CliIo,
): Options => ({
  image,
  name: flags.name ?? '',
  command: [...command],
  ...given({
    entrypoint:
      flags.entrypoint === undefined
        ? undefined
        : { values: flags.entrypoint === '' ? [] : [flags.entrypoint] },
    stopTimeout: flags.stopTimeout,
  }),
  env: readEnv(flags.env, flags.envFile, io),
  secretEnv: readSecretEnv(flags.secretEnv, io),
  cwd: flags.workdir ?? '',
  user: flags.user ?? '',
  ...terminalOf(flags, io),
  stdin: flags.interactive ?? false,
  readOnly: flags.readOnly ?? false,
  mounts: [
    ...(flags.volume ?? []).map((text) => parseVolume(text, io)),
    ...(flags.mount ?? []).map((text) => parseMount(text, io)),
    ...(flags.tmpfs ?? []).map(parseTmpfs),
  ],
  resources: resourcesOf(flags),
  rlimits: (flags.ulimit ?? []).map(parseUlimit),
  ...isolationOf(flags, io),
  devices: flags.device ?? [],
  labels: readLabels(flags.label, flags.labelFile, io),
  stopSignal: flags.stopSignal ?? '',
  oomScoreAdj: flags.oomScoreAdj ?? 0,
  runtime: flags.runtime ?? '',
  remove: flags.rm ?? false,
  pull: flags.pull,
});
