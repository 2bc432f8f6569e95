import { createHash } from 'node:crypto';
import { type Descriptor, Digest } from '../../src/domain/identity.ts';
import { ImageReference } from '../../src/domain/image-reference.ts';
import type { PushSource } from '../../src/engine/ports/registry.ts';

export const sha256 = (bytes: Uint8Array): Digest =>
  Digest.parse(`sha256:${createHash('sha256').update(bytes).digest('hex')}`);

export const reference = (text: string): ImageReference => ImageReference.parse(text);

export const blobOf = (
  bytes: Uint8Array,
  mediaType = 'application/vnd.oci.image.layer.v1.tar',
): Descriptor => ({
  mediaType,
  digest: sha256(bytes),
  size: bytes.length,
});

/** An image manifest over a configuration and layers, and its descriptor. */
export const manifestOf = (
  config: Descriptor,
  layers: readonly Descriptor[],
): { descriptor: Descriptor; bytes: Uint8Array } => {
  const mediaType = 'application/vnd.oci.image.manifest.v1+json';
  const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType, config, layers }));
  return { descriptor: blobOf(bytes, mediaType), bytes };
};

/** Gives bytes in pieces, as a file would; `opened` collects the offsets that were asked for. */
export const sourceOf = (
  bytes: Uint8Array,
  options: { mountFrom?: readonly string[]; piece?: number } = {},
): PushSource & { opened: number[] } => {
  const piece = options.piece ?? 64 * 1024;
  const opened: number[] = [];
  return {
    opened,
    mountFrom: options.mountFrom ?? [],
    async *open(offset) {
      opened.push(offset);
      for (let at = offset; at < bytes.length; at += piece) yield bytes.subarray(at, at + piece);
    },
  };
};

export const gather = async (pieces: AsyncIterable<Uint8Array>): Promise<Buffer> => {
  const all: Uint8Array[] = [];
  for await (const piece of pieces) all.push(piece);
  return Buffer.concat(all);
};
