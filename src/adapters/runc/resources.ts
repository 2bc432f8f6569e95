import type { Resources } from '../../domain/container-config.ts';
import type { OciResources } from './oci.ts';

/** What this kernel's control groups can limit; asking for more makes runc refuse. */
export interface CgroupFacts {
  readonly version: 1 | 2;
  /** Whether swap is accounted (memory.memsw on version 1, memory.swap on version 2). */
  readonly swap: boolean;
}

/** Microseconds; the kernel's own default. */
const defaultPeriod = 100_000;

const defined = <T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } | undefined => {
  const entries = Object.entries(fields).filter(([, value]) => value !== undefined);
  return entries.length === 0 ? undefined : (Object.fromEntries(entries) as Partial<T> as never);
};

/** Docker lets a container swap as much again as it may have of memory, where nothing else is said. */
const swapOf = (resources: Resources, cgroup: CgroupFacts): number | undefined => {
  if (!cgroup.swap || resources.memory === undefined) return undefined;
  return resources.memorySwap ?? resources.memory * 2;
};

/** LinuxResources without device rules. */
export const ociResources = (resources: Resources, cgroup: CgroupFacts): OciResources => {
  const memory = defined({
    limit: resources.memory,
    reservation: resources.memoryReservation,
    swap: swapOf(resources, cgroup),
    disableOOMKiller: resources.oomKillDisable,
  });
  const quota = resources.cpuQuota;
  const cpu = defined({
    shares: resources.cpuShares,
    quota,
    period: resources.cpuPeriod ?? (quota === undefined ? undefined : defaultPeriod),
    cpus: resources.cpusetCpus,
    mems: resources.cpusetMems,
  });
  return {
    ...(memory ? { memory } : {}),
    ...(cpu ? { cpu } : {}),
    ...(resources.pids === undefined ? {} : { pids: { limit: resources.pids } }),
    ...(resources.blkioWeight === undefined ? {} : { blockIO: { weight: resources.blkioWeight } }),
    ...(resources.hugepages?.length ? { hugepageLimits: resources.hugepages } : {}),
  };
};
