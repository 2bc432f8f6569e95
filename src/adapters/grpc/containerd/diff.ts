import { Rejection } from '../../../domain/rejection.ts';
import type { DiffService } from '../../../engine/ports/store/diff.ts';
import type { Diff } from '../../../gen/containerd/services/diff/v1/diff_pb.ts';
import type { Service } from '../handlers.ts';
import { descriptorOf } from './descriptor.ts';
import { mountOf } from './mounts.ts';
import { tenantOf } from './tenancy.ts';

/** What a layer is once it is unpacked. */
const uncompressedLayer = 'application/vnd.oci.image.layer.v1.tar';

export const diffService = (store: DiffService): Service<typeof Diff> => ({
  apply: async ({ diff, mounts }, call) => {
    const { digest, size } = await store.apply(
      tenantOf(call),
      descriptorOf(diff, 'diff'),
      mounts.map(mountOf),
      call,
    );
    return { applied: { mediaType: uncompressedLayer, digest, size: BigInt(size) } };
  },
  diff: async () => {
    throw new Rejection(
      'unimplemented',
      'the changes of a snapshot can not be turned into a layer yet: not implemented',
    );
  },
});
