import { Rejection } from '../../domain/rejection.ts';

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
