import type { HostCounts, SystemApi } from '../../engine/ports/api.ts';
import type { CopyStatus } from '../../engine/ports/replica.ts';
import type { System } from '../../gen/shiplog/v1/system_pb.ts';
import { atOf } from './at.ts';
import type { Service } from './handlers.ts';
import { namespaceOf, present } from './parse.ts';

const countsMessage = (counts: HostCounts) => ({
  hostId: counts.hostId,
  logHead: counts.logHead,
  containers: counts.containers,
  containersRunning: counts.containersRunning,
  images: counts.images,
  snapshots: counts.snapshots,
  blobs: counts.blobs,
  contentBytes: BigInt(counts.contentBytes),
  divergences: counts.divergences,
  namespaces: [...counts.namespaces],
});

const copyMessage = (copy: CopyStatus) => ({
  mode: copy.mode,
  place: copy.place,
  state: copy.state,
  ...present({ position: copy.position }),
  lagEvents: copy.lagEvents,
  lagUs: BigInt(copy.lagTime),
  lastError: copy.lastError?.message ?? '',
  lastErrorUs: BigInt(copy.lastError?.at ?? 0),
});

export const systemService = (api: SystemApi): Service<typeof System> => ({
  version: async () => ({ ...(await api.version()) }),
  info: async ({ namespace, at: moment }, { signal }) => {
    const of = namespace === '' ? undefined : namespaceOf(namespace);
    const at = atOf(moment);
    if (at !== undefined) {
      return countsMessage(await api.counts({ at, ...present({ namespace: of }) }, signal));
    }
    const info = await api.info(of);
    return {
      ...countsMessage(info),
      root: info.root,
      state: info.state,
      pid: info.pid,
      startedUs: BigInt(info.startedAt),
      logBytes: BigInt(info.logBytes),
      logHorizon: info.logHorizon,
      logArchives: [...info.logArchives],
      runtime: info.runtime,
      runtimeVersion: info.runtimeVersion,
      snapshotter: info.snapshotter,
      cgroup: info.cgroup,
      rss: BigInt(info.rss),
      ...(info.logCopy === undefined ? {} : { logCopy: copyMessage(info.logCopy) }),
    };
  },
  // Garbage is the host's: blobs and snapshots are shared between namespaces.
  gc: async ({ dryRun, at: moment }, context) => {
    const at = atOf(moment);
    const only = dryRun || at !== undefined;
    const { removed, freedBytes } = await (only ? api.garbage(at, context.signal) : api.gc(context));
    return { removed: [...removed], freedBytes: BigInt(freedBytes) };
  },
});
