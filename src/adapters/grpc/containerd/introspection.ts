import { status } from '@grpc/grpc-js';
import type { Introspection, Plugin } from '../../../engine/ports/store/introspection.ts';
import type { Introspection as Wire } from '../../../gen/containerd/services/introspection/v1/introspection_pb.ts';
import type { Service } from '../handlers.ts';

const pluginMessage = ({ platforms, skipped, requires, exports, capabilities, ...plugin }: Plugin) => ({
  ...plugin,
  requires: [...requires],
  platforms: platforms.map(({ os, architecture, variant }) => ({ os, architecture, variant: variant ?? '' })),
  exports: { ...exports },
  capabilities: [...capabilities],
  ...(skipped === undefined ? {} : { initErr: { code: status.UNKNOWN, message: skipped } }),
});

export const introspectionService = (store: Introspection): Service<typeof Wire> => ({
  plugins: async ({ filters }) => ({ plugins: store.plugins(filters).map(pluginMessage) }),
  server: async () => {
    const { uuid, pid, pidNamespace } = store.server();
    return { uuid, pid: BigInt(pid), pidns: pidNamespace };
  },
  pluginInfo: async ({ type, id }) => ({ plugin: pluginMessage(store.plugin(type, id)) }),
});
