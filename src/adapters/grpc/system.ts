import type { SystemApi } from '../../engine/ports/api.ts';
import type { System } from '../../gen/shiplog/v1/system_pb.ts';
import type { Service } from './handlers.ts';
import { namespaceOf } from './parse.ts';

export const systemService = (api: SystemApi): Service<typeof System> => ({
  version: async () => ({ ...(await api.version()) }),
  info: async ({ namespace }) => {
    const info = await api.info(...(namespace === '' ? [] : [namespaceOf(namespace)]));
    return {
      hostId: info.hostId,
      root: info.root,
      state: info.state,
      pid: info.pid,
      startedUs: BigInt(info.startedAt),
      logHead: info.logHead,
      logBytes: BigInt(info.logBytes),
      containers: info.containers,
      containersRunning: info.containersRunning,
      images: info.images,
      snapshots: info.snapshots,
      blobs: info.blobs,
      contentBytes: BigInt(info.contentBytes),
      divergences: info.divergences,
      runtime: info.runtime,
      runtimeVersion: info.runtimeVersion,
      snapshotter: info.snapshotter,
      cgroup: info.cgroup,
      namespaces: [...info.namespaces],
      rss: BigInt(info.rss),
    };
  },
  // Garbage is the host's: blobs and snapshots are shared between namespaces.
  gc: async (_request, context) => {
    const { removed, freedBytes } = await api.gc(context);
    return { removed: [...removed], freedBytes: BigInt(freedBytes) };
  },
});
