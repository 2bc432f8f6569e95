import { fromBinary } from '@bufbuild/protobuf';
import type { Any } from '@bufbuild/protobuf/wkt';
import { status } from '@grpc/grpc-js';
import { Rejection } from '../../../domain/rejection.ts';
import type { Introspection, Plugin } from '../../../engine/ports/store/introspection.ts';
import type { Introspection as Wire } from '../../../gen/containerd/services/introspection/v1/introspection_pb.ts';
import { type RuntimeRequest, RuntimeRequestSchema } from '../../../gen/containerd/types/introspection_pb.ts';
import type { Service } from '../handlers.ts';
import { anyMessage, anyValueOf } from './any.ts';

const pluginMessage = ({ platforms, skipped, requires, exports, capabilities, ...plugin }: Plugin) => ({
  ...plugin,
  requires: [...requires],
  platforms: platforms.map(({ os, architecture, variant }) => ({ os, architecture, variant: variant ?? '' })),
  exports: { ...exports },
  capabilities: [...capabilities],
  ...(skipped === undefined ? {} : { initErr: { code: status.UNKNOWN, message: skipped } }),
});

/** @throws Rejection `invalid-argument` for anything else than a question about a runtime */
const runtimeRequest = ({ typeUrl, value }: Any): RuntimeRequest => {
  if (typeUrl.endsWith(RuntimeRequestSchema.typeName)) {
    try {
      return fromBinary(RuntimeRequestSchema, value);
    } catch (cause) {
      throw new Rejection('invalid-argument', 'options: no RuntimeRequest can be read from it', { cause });
    }
  }
  throw new Rejection(
    'invalid-argument',
    `options: '${typeUrl}' is not known; a ${RuntimeRequestSchema.typeName} asks about a runtime`,
  );
};

export const introspectionService = (store: Introspection): Service<typeof Wire> => ({
  plugins: async ({ filters }) => ({ plugins: store.plugins(filters).map(pluginMessage) }),
  server: async () => {
    const { uuid, pid, pidNamespace } = store.server();
    return { uuid, pid: BigInt(pid), pidns: pidNamespace };
  },
  pluginInfo: async ({ type, id, options }) => {
    const plugin = pluginMessage(store.plugin(type, id));
    if (options === undefined) return { plugin };
    const { runtimePath, options: ofTask } = runtimeRequest(options);
    const asked = {
      runtime: runtimePath,
      options: ofTask === undefined ? undefined : anyValueOf(ofTask, 'options.options'),
    };
    return { plugin, extra: anyMessage(await store.runtimeInfo({ type, id }, asked)) };
  },
});
