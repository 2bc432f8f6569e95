import { Descriptor } from '../../../domain/identity.ts';
import type { Descriptor as WireDescriptor } from '../../../gen/containerd/types/descriptor_pb.ts';
import { numberOf, parse } from '../parse.ts';

/** @throws Rejection `invalid-argument` where it is missing or not whole */
export const descriptorOf = (message: WireDescriptor | undefined, field: string): Descriptor => {
  const { mediaType = '', digest = '', size = 0n } = message ?? {};
  return parse(Descriptor, { mediaType, digest, size: numberOf(size, `${field}.size`) }, field);
};
