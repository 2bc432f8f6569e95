import { create, type DescMessage, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import type { AnyValue } from '../../domain/any-value.ts';
import { type MemoryStat, MetricsSchema as V1Schema } from '../../gen/io/containerd/cgroups/v1/metrics_pb.ts';
import { MetricsSchema as V2Schema } from '../../gen/io/containerd/cgroups/v2/metrics_pb.ts';
import type { ControlGroup } from './control-group.ts';

/** What a shim would tell of a container's control group, in containerd's messages, which clients know how to read. */
export const metricsOf = (group: Pick<ControlGroup, 'version' | 'text'>): AnyValue =>
  group.version === 1 ? packed(V1Schema, metricsV1(group)) : packed(V2Schema, metricsV2(group));

type Counters = Pick<ControlGroup, 'text'>;

const packed = <D extends DescMessage>(schema: D, metrics: MessageInitShape<D>): AnyValue => ({
  typeUrl: schema.typeName,
  base64: Buffer.from(toBinary(schema, create(schema, metrics))).toString('base64'),
});

/** A number of the kernel's; 0 where it has none. @param unlimited what `max` means */
const numberIn = (text: string, unlimited = 0n): bigint => {
  const word = text.trim();
  if (word === 'max') return unlimited;
  return /^\d+$/.test(word) ? BigInt(word) : 0n;
};

/** Lines of `NAME NUMBER`. */
const table = (text: string): ((name: string) => bigint) => {
  const rows = new Map(text.split('\n').map((line) => line.split(' ') as [string, string | undefined]));
  return (name) => numberIn(rows.get(name) ?? '');
};

/** Nanoseconds of a clock tick, in which the kernel counts here (USER_HZ). */
const TICK = 10_000_000n;

/** Names of memory.stat by the fields that they fill, for the group alone and with those below it. */
const statsV1 = {
  cache: 'cache',
  rss: 'rss',
  rssHuge: 'rss_huge',
  mappedFile: 'mapped_file',
  dirty: 'dirty',
  writeback: 'writeback',
  pgPgIn: 'pgpgin',
  pgPgOut: 'pgpgout',
  pgFault: 'pgfault',
  pgMajFault: 'pgmajfault',
  inactiveAnon: 'inactive_anon',
  activeAnon: 'active_anon',
  inactiveFile: 'inactive_file',
  activeFile: 'active_file',
  unevictable: 'unevictable',
  hierarchicalMemoryLimit: 'hierarchical_memory_limit',
  hierarchicalSwapLimit: 'hierarchical_memsw_limit',
  totalCache: 'total_cache',
  totalRss: 'total_rss',
  totalRssHuge: 'total_rss_huge',
  totalMappedFile: 'total_mapped_file',
  totalDirty: 'total_dirty',
  totalWriteback: 'total_writeback',
  totalPgPgIn: 'total_pgpgin',
  totalPgPgOut: 'total_pgpgout',
  totalPgFault: 'total_pgfault',
  totalPgMajFault: 'total_pgmajfault',
  totalInactiveAnon: 'total_inactive_anon',
  totalActiveAnon: 'total_active_anon',
  totalInactiveFile: 'total_inactive_file',
  totalActiveFile: 'total_active_file',
  totalUnevictable: 'total_unevictable',
} as const satisfies Partial<Record<keyof MemoryStat, string>>;

/** The files of cgroup-v1/memory.rst, cpuacct.rst and pids.rst. */
const metricsV1 = ({ text }: Counters): MessageInitShape<typeof V1Schema> => {
  const stat = table(text('memory', 'memory.stat'));
  const entry = (prefix: string) => ({
    limit: numberIn(text('memory', `${prefix}limit_in_bytes`)),
    usage: numberIn(text('memory', `${prefix}usage_in_bytes`)),
    max: numberIn(text('memory', `${prefix}max_usage_in_bytes`)),
    failcnt: numberIn(text('memory', `${prefix}failcnt`)),
  });
  const ticks = table(text('cpuacct', 'cpuacct.stat'));
  const throttled = table(text('cpu', 'cpu.stat'));
  const perCpu = text('cpuacct', 'cpuacct.usage_percpu').trim();
  return {
    pids: { current: numberIn(text('pids', 'pids.current')), limit: numberIn(text('pids', 'pids.max')) },
    cpu: {
      usage: {
        total: numberIn(text('cpuacct', 'cpuacct.usage')),
        kernel: ticks('system') * TICK,
        user: ticks('user') * TICK,
        perCpu: perCpu === '' ? [] : perCpu.split(' ').map((each) => numberIn(each)),
      },
      throttling: {
        periods: throttled('nr_periods'),
        throttledPeriods: throttled('nr_throttled'),
        throttledTime: throttled('throttled_time'),
      },
    },
    memory: {
      ...Object.fromEntries(Object.entries(statsV1).map(([field, name]) => [field, stat(name)])),
      usage: entry('memory.'),
      swap: entry('memory.memsw.'),
      kernel: entry('memory.kmem.'),
    },
  };
};

const statsV2 = [
  ...['anon', 'file', 'kernel_stack', 'slab', 'sock', 'shmem', 'file_mapped', 'file_dirty', 'file_writeback'],
  ...['anon_thp', 'inactive_anon', 'active_anon', 'inactive_file', 'active_file', 'unevictable'],
  ...['slab_reclaimable', 'slab_unreclaimable', 'pgfault', 'pgmajfault'],
];
const camel = (name: string): string =>
  name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
/** What containerd tells where there is no limit. */
const unlimited = 2n ** 64n - 1n;

/** The files of cgroup-v2.rst. */
const metricsV2 = ({ text }: Counters): MessageInitShape<typeof V2Schema> => {
  const cpu = table(text('', 'cpu.stat'));
  const stat = table(text('', 'memory.stat'));
  const events = table(text('', 'memory.events'));
  return {
    pids: { current: numberIn(text('', 'pids.current')), limit: numberIn(text('', 'pids.max')) },
    cpu: {
      usageUsec: cpu('usage_usec'),
      userUsec: cpu('user_usec'),
      systemUsec: cpu('system_usec'),
      nrPeriods: cpu('nr_periods'),
      nrThrottled: cpu('nr_throttled'),
      throttledUsec: cpu('throttled_usec'),
    },
    memory: {
      ...Object.fromEntries(statsV2.map((name) => [camel(name), stat(name)])),
      usage: numberIn(text('', 'memory.current')),
      usageLimit: numberIn(text('', 'memory.max'), unlimited),
      swapUsage: numberIn(text('', 'memory.swap.current')),
      swapLimit: numberIn(text('', 'memory.swap.max'), unlimited),
    },
    memoryEvents: {
      ...{ low: events('low'), high: events('high'), max: events('max') },
      ...{ oom: events('oom'), oomKill: events('oom_kill') },
    },
  };
};
