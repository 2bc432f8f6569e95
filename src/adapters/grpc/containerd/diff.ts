import { toBinary } from '@bufbuild/protobuf';
import { AnySchema } from '@bufbuild/protobuf/wkt';
import { IngestRef, Labels } from '../../../domain/identity.ts';
import type { DiffService } from '../../../engine/ports/store/diff.ts';
import type { ApplyRequest, Diff, DiffRequest } from '../../../gen/containerd/services/diff/v1/diff_pb.ts';
import type { CallContext, Service } from '../handlers.ts';
import { numberOf, parse, present } from '../parse.ts';
import { descriptorOf } from './descriptor.ts';
import { mountOf } from './mounts.ts';
import { leaseOf, tenantOf } from './tenancy.ts';

/** What a layer is once it is unpacked. */
const uncompressedLayer = 'application/vnd.oci.image.layer.v1.tar';

const applicationOf = ({ diff, mounts, payloads }: ApplyRequest) => ({
  layer: descriptorOf(diff, 'diff'),
  mounts: mounts.map(mountOf),
  payloads: Object.fromEntries(Object.entries(payloads).map(([id, any]) => [id, toBinary(AnySchema, any)])),
});

const requestOf = (request: DiffRequest, call: CallContext) => {
  const { left, right, mediaType, ref, labels, sourceDateEpoch: epoch } = request;
  return {
    left: left.map(mountOf),
    right: right.map(mountOf),
    mediaType,
    labels: parse(Labels, labels, 'labels'),
    ...present({
      ref: ref === '' ? undefined : parse(IngestRef, ref, 'ref'),
      latest: epoch === undefined ? undefined : numberOf(epoch.seconds, 'source_date_epoch'),
      lease: leaseOf(call),
    }),
  };
};

export const diffService = (store: DiffService): Service<typeof Diff> => ({
  apply: async (request, call) => {
    const { digest, size } = await store.apply(tenantOf(call), applicationOf(request), call);
    return { applied: { mediaType: uncompressedLayer, digest, size: BigInt(size) } };
  },
  diff: async (request, call) => {
    const { mediaType, digest, size } = await store.diff(tenantOf(call), requestOf(request, call), call);
    return { diff: { mediaType, digest, size: BigInt(size) } };
  },
});
