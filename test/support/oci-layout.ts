import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

/** A layer for an image: the uncompressed tar, and how it is to be stored. */
export interface LayoutLayer {
  readonly tar: Buffer;
  /** `none`: stored as tar. Given bytes: stored as they are, under that media type. */
  readonly compression?: 'gzip' | 'none' | { readonly bytes: Buffer; readonly mediaType: string };
}

export interface Layout {
  readonly directory: string;
  readonly tag: string;
  readonly manifestDigest: string;
  /** Base first. */
  readonly layers: readonly {
    readonly path: string;
    readonly mediaType: string;
    readonly digest: string;
    readonly diffId: string;
    readonly size: number;
  }[];
}

const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

const stored = (layer: LayoutLayer): { bytes: Buffer; mediaType: string } => {
  const compression = layer.compression ?? 'gzip';
  if (typeof compression === 'object') return compression;
  return compression === 'gzip'
    ? { bytes: gzipSync(layer.tar), mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip' }
    : { bytes: layer.tar, mediaType: 'application/vnd.oci.image.layer.v1.tar' };
};

/**
 * Writes an OCI image layout (image-spec, image-layout.md) with one image for this machine's platform.
 * @param config fields of the image config's `config`, such as `Cmd` and `Env`
 */
export const writeLayout = async (
  directory: string,
  layers: readonly LayoutLayer[],
  options: { tag?: string; config?: Record<string, unknown> } = {},
): Promise<Layout> => {
  const tag = options.tag ?? 'latest';
  const blobs = join(directory, 'blobs', 'sha256');
  await mkdir(blobs, { recursive: true });
  const put = async (bytes: Buffer, mediaType: string) => {
    const hex = sha256(bytes);
    const path = join(blobs, hex);
    await writeFile(path, bytes);
    return { descriptor: { mediaType, digest: `sha256:${hex}`, size: bytes.length }, path };
  };
  const placed = [];
  for (const layer of layers) {
    const { bytes, mediaType } = stored(layer);
    placed.push({ ...(await put(bytes, mediaType)), diffId: `sha256:${sha256(layer.tar)}` });
  }
  const architecture = { x64: 'amd64', arm64: 'arm64' }[process.arch as string] ?? process.arch;
  const config = await put(
    Buffer.from(
      JSON.stringify({
        created: '2026-01-01T00:00:00Z',
        architecture,
        os: 'linux',
        config: options.config ?? {},
        rootfs: { type: 'layers', diff_ids: placed.map((layer) => layer.diffId) },
        history: placed.map(() => ({ created: '2026-01-01T00:00:00Z', created_by: 'test' })),
      }),
    ),
    'application/vnd.oci.image.config.v1+json',
  );
  const manifest = await put(
    Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: 'application/vnd.oci.image.manifest.v1+json',
        config: config.descriptor,
        layers: placed.map((layer) => layer.descriptor),
      }),
    ),
    'application/vnd.oci.image.manifest.v1+json',
  );
  await writeFile(join(directory, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }));
  await writeFile(
    join(directory, 'index.json'),
    JSON.stringify({
      schemaVersion: 2,
      manifests: [
        {
          ...manifest.descriptor,
          platform: { architecture, os: 'linux' },
          annotations: { 'org.opencontainers.image.ref.name': tag },
        },
      ],
    }),
  );
  return {
    directory,
    tag,
    manifestDigest: manifest.descriptor.digest,
    layers: placed.map(({ descriptor, path, diffId }) => ({ ...descriptor, path, diffId })),
  };
};
