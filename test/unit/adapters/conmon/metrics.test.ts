import { fromBinary } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { metricsOf } from '../../../../src/adapters/conmon/metrics.ts';
import { MetricsSchema as V1Schema } from '../../../../src/gen/io/containerd/cgroups/v1/metrics_pb.ts';
import { MetricsSchema as V2Schema } from '../../../../src/gen/io/containerd/cgroups/v2/metrics_pb.ts';

const told = (version: 1 | 2, files: Readonly<Record<string, string>>) => {
  const text = (hierarchy: string, file: string) => files[`${hierarchy}/${file}`] ?? '';
  const value = metricsOf({ version, text });
  return { typeUrl: value.typeUrl, bytes: Buffer.from('base64' in value ? value.base64 : '', 'base64') };
};

describe('the metrics of a control group', () => {
  it('of version 1 are read from its hierarchies', () => {
    const { typeUrl, bytes } = told(1, {
      'pids/pids.current': '3\n',
      'pids/pids.max': 'max\n',
      'cpuacct/cpuacct.usage': '12345678901\n',
      'cpuacct/cpuacct.usage_percpu': '5 6 \n',
      'cpuacct/cpuacct.stat': 'user 7\nsystem 2\n',
      'cpu/cpu.stat': 'nr_periods 4\nnr_throttled 1\nthrottled_time 99\n',
      'memory/memory.stat': 'cache 4096\ntotal_rss 8192\npgpgin 12\n',
      'memory/memory.usage_in_bytes': '16384\n',
      'memory/memory.limit_in_bytes': '9223372036854771712\n',
      'memory/memory.memsw.failcnt': '2\n',
    });
    expect(typeUrl).toBe('io.containerd.cgroups.v1.Metrics');
    expect(fromBinary(V1Schema, bytes)).toMatchObject({
      pids: { current: 3n, limit: 0n },
      cpu: {
        usage: { total: 12_345_678_901n, user: 70_000_000n, kernel: 20_000_000n, perCpu: [5n, 6n] },
        throttling: { periods: 4n, throttledPeriods: 1n, throttledTime: 99n },
      },
      memory: {
        ...{ cache: 4096n, totalRss: 8192n, pgPgIn: 12n, rss: 0n },
        usage: { usage: 16_384n, limit: 9_223_372_036_854_771_712n },
        swap: { failcnt: 2n },
      },
    });
  });

  it('of version 2 are read from its one folder', () => {
    const { typeUrl, bytes } = told(2, {
      '/pids.current': '3\n',
      '/pids.max': '100\n',
      '/cpu.stat': 'usage_usec 10\nuser_usec 7\nsystem_usec 3\n',
      '/memory.current': '4096\n',
      '/memory.max': 'max\n',
      '/memory.stat': 'anon 1024\nfile_mapped 5\n',
      '/memory.events': 'low 0\nhigh 0\nmax 1\noom 2\noom_kill 3\n',
    });
    expect(typeUrl).toBe('io.containerd.cgroups.v2.Metrics');
    expect(fromBinary(V2Schema, bytes)).toMatchObject({
      pids: { current: 3n, limit: 100n },
      cpu: { usageUsec: 10n, userUsec: 7n, systemUsec: 3n },
      memory: { anon: 1024n, fileMapped: 5n, usage: 4096n, usageLimit: 2n ** 64n - 1n },
      memoryEvents: { max: 1n, oom: 2n, oomKill: 3n },
    });
  });
});
