import { Rejection } from '../../domain/rejection.ts';

export type Compression = 'none' | 'gzip' | 'zstd';

/** Media types of layers: OCI image-spec layer.md and Docker's image manifest version 2, schema 2. */
const LAYER_TYPES = [
  /^application\/vnd\.oci\.image\.layer\.(?:nondistributable\.)?v1\.tar(?:\+gzip|\+zstd)?$/,
  /^application\/vnd\.docker\.image\.rootfs\.(?:foreign\.)?diff\.tar(?:\.gzip|\.zstd)?$/,
  /^application\/(?:x-)?tar(?:\+gzip|\+zstd)?$/,
];

/** @throws Rejection `unimplemented` where it is no layer that we can unpack */
export const checkLayerType = (mediaType: string): void => {
  if (LAYER_TYPES.some((type) => type.test(mediaType))) return;
  throw new Rejection(
    'unimplemented',
    `a layer of type '${mediaType}': only tar layers, plain or with gzip or zstd, can be unpacked`,
  );
};

/** Bytes of a blob that {@link compressionOf} looks at. */
export const MAGIC_BYTES = 4;

/** How a blob is compressed by its first bytes; registries hold layers whose media type is wrong, and containerd looks too. */
export const compressionOf = (head: Uint8Array): Compression => {
  const [a, b, c, d] = head;
  if (a === 0x1f && b === 0x8b) return 'gzip';
  if (a === 0x28 && b === 0xb5 && c === 0x2f && d === 0xfd) return 'zstd';
  // a zstd stream may begin with a skippable frame (RFC 8878, section 3.1.2)
  if (a !== undefined && (a & 0xf0) === 0x50 && b === 0x2a && c === 0x4d && d === 0x18) return 'zstd';
  return 'none';
};
