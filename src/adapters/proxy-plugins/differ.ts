import { fromBinary } from '@bufbuild/protobuf';
import { type Any, AnySchema } from '@bufbuild/protobuf/wkt';
import { Descriptor, DiffId } from '../../domain/identity.ts';
import type { Mount } from '../../domain/mount.ts';
import { Rejection } from '../../domain/rejection.ts';
import type { RemoteDiffer } from '../../engine/ports/remote-differ.ts';
import { Diff } from '../../gen/containerd/services/diff/v1/diff_pb.ts';
import type { Descriptor as WireDescriptor } from '../../gen/containerd/types/descriptor_pb.ts';
import { factsOf, type PluginOptions, ProxyPlugin } from './plugin.ts';

/** Milliseconds for a layer. */
const LAYER = 60 * 60_000;

const wireMount = ({ type, source, options }: Mount) => ({ type, source, options: [...options] });
const anyOf = (bytes: Uint8Array): Any => fromBinary(AnySchema, bytes);

export interface RemoteDifferPlugin extends RemoteDiffer {
  close(): void;
}

/** A differ that another daemon serves (containerd.services.diff.v1). */
export const createRemoteDiffer = (options: PluginOptions): RemoteDifferPlugin => {
  const plugin = new ProxyPlugin('differ', options);
  const checked = (descriptor: WireDescriptor | undefined): Descriptor => {
    const { mediaType = '', digest = '', size = 0n } = descriptor ?? {};
    const parsed = Descriptor.safeParse({ mediaType, digest, size: Number(size) });
    if (parsed.success) return parsed.data;
    throw new Rejection(
      'internal',
      `${plugin.title} answers with a descriptor that is not whole: digest '${digest}'`,
    );
  };
  return {
    ...factsOf(options),
    apply: async ({ layer, mounts, payloads }, call) => {
      const how = { ...call, timeoutMs: LAYER };
      const request = {
        diff: { mediaType: layer.mediaType, digest: layer.digest, size: BigInt(layer.size) },
        mounts: mounts.map(wireMount),
        payloads: Object.fromEntries(Object.entries(payloads).map(([id, bytes]) => [id, anyOf(bytes)])),
      };
      const { applied } = await plugin.ask(Diff, how, (client) => client.apply(request, how));
      const { digest, size } = checked(applied);
      return { digest: DiffId.parse(digest), size };
    },
    diff: async ({ left, right, mediaType, ref = '', labels, latest }, call) => {
      const how = { ...call, timeoutMs: LAYER };
      const epoch = latest === undefined ? {} : { sourceDateEpoch: { seconds: BigInt(latest), nanos: 0 } };
      const trees = { left: left.map(wireMount), right: right.map(wireMount) };
      const request = { ...trees, mediaType, ref, labels, ...epoch };
      const { diff } = await plugin.ask(Diff, how, (client) => client.diff(request, how));
      return checked(diff);
    },
    close: () => plugin.close(),
  };
};
