import { Resources, Rlimit } from '../../domain/container-config.ts';
import type { ResourceOptions, RlimitOption } from '../../gen/shiplog/v1/containers_pb.ts';
import { invalid, numberOf, parse, present } from './parse.ts';

/** Microseconds over which a quota of CPUs is counted: the kernel's default. */
const PERIOD = 100_000;
/** The least quota that the kernel takes, in microseconds. */
const MIN_QUOTA = 1_000;

/** A limit as docker has it: 0 and less mean none. */
const limit = (value: bigint | undefined, field: string): number | undefined =>
  value === undefined || value <= 0n ? undefined : numberOf(value, field);

const cpuTime = (options: ResourceOptions): { cpuQuota?: number; cpuPeriod?: number } => {
  const quota = limit(options.cpuQuota, 'resources.cpu_quota');
  const period = limit(options.cpuPeriod, 'resources.cpu_period');
  const { cpus } = options;
  if (cpus === undefined || cpus === 0) return present({ cpuQuota: quota, cpuPeriod: period });
  if (quota !== undefined || period !== undefined) {
    throw invalid('resources.cpus', 'sets the same limit as cpu_quota and cpu_period; give one of them');
  }
  const cpuQuota = Math.round(cpus * PERIOD);
  if (!Number.isSafeInteger(cpuQuota) || cpuQuota < MIN_QUOTA) {
    throw invalid('resources.cpus', `${cpus} is not a number of CPUs; give at least ${MIN_QUOTA / PERIOD}`);
  }
  return { cpuQuota, cpuPeriod: PERIOD };
};

const swapOf = (options: ResourceOptions): number | undefined => {
  const { memorySwap } = options;
  return memorySwap === -1n ? -1 : limit(memorySwap, 'resources.memory_swap');
};

/** Limits of a container's cgroup. Bytes and microseconds; what is absent is not limited. */
export const resourcesOf = (options: ResourceOptions | undefined): Resources => {
  if (!options) return {};
  const hugepages = Object.entries(options.hugepages).map(([pageSize, bytes]) => ({
    pageSize,
    limit: numberOf(bytes, `resources.hugepages.${pageSize}`),
  }));
  const resources = present({
    memory: limit(options.memory, 'resources.memory'),
    memorySwap: swapOf(options),
    memoryReservation: limit(options.memoryReservation, 'resources.memory_reservation'),
    ...cpuTime(options),
    cpuShares: limit(options.cpuShares, 'resources.cpu_shares'),
    cpusetCpus: options.cpusetCpus || undefined,
    cpusetMems: options.cpusetMems || undefined,
    pids: limit(options.pids, 'resources.pids'),
    blkioWeight: options.blkioWeight || undefined,
    hugepages: hugepages.length > 0 ? hugepages : undefined,
    oomKillDisable: options.oomKillDisable,
  });
  return parse(Resources, resources, 'resources');
};

/** setrlimit(2). */
const rlimitNames = [
  'as',
  'core',
  'cpu',
  'data',
  'fsize',
  'locks',
  'memlock',
  'msgqueue',
  'nice',
  'nofile',
  'nproc',
  'rss',
  'rtprio',
  'rttime',
  'sigpending',
  'stack',
];

/** `nofile` becomes RLIMIT_NOFILE; -1 is no limit. */
export const rlimitOf = ({ name, soft, hard }: RlimitOption, index: number): Rlimit => {
  const field = `rlimits.${index}`;
  const known = name.toLowerCase().replace(/^rlimit_/, '');
  if (!rlimitNames.includes(known)) {
    throw invalid(`${field}.name`, `'${name}' is not a limit; there are ${rlimitNames.join(', ')}`);
  }
  if (hard !== -1n && (soft === -1n || soft > hard)) throw invalid(field, 'soft is above hard');
  const limits = { soft: numberOf(soft, `${field}.soft`), hard: numberOf(hard, `${field}.hard`) };
  return parse(Rlimit, { type: `RLIMIT_${known.toUpperCase()}`, ...limits }, field);
};
