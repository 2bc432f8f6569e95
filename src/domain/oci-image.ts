import { z } from 'zod';
import { Descriptor, DiffId, type Labels, Platform } from './identity.ts';
import { gcLabels } from './labels.ts';

/** Documents of the OCI image specification 1.1 and of Docker's image manifest v2, schema 2. */

export const mediaTypes = {
  ociIndex: 'application/vnd.oci.image.index.v1+json',
  ociManifest: 'application/vnd.oci.image.manifest.v1+json',
  ociConfig: 'application/vnd.oci.image.config.v1+json',
  ociLayer: 'application/vnd.oci.image.layer.v1.tar',
  ociLayerGzip: 'application/vnd.oci.image.layer.v1.tar+gzip',
  ociLayerZstd: 'application/vnd.oci.image.layer.v1.tar+zstd',
  dockerIndex: 'application/vnd.docker.distribution.manifest.list.v2+json',
  dockerManifest: 'application/vnd.docker.distribution.manifest.v2+json',
  dockerConfig: 'application/vnd.docker.container.image.v1+json',
  dockerLayer: 'application/vnd.docker.image.rootfs.diff.tar',
  dockerLayerGzip: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
} as const;

export const isIndex = (mediaType: string): boolean =>
  mediaType === mediaTypes.ociIndex || mediaType === mediaTypes.dockerIndex;
export const isManifest = (mediaType: string): boolean =>
  mediaType === mediaTypes.ociManifest || mediaType === mediaTypes.dockerManifest;

/** Manifests, indexes and configurations above this are refused (bytes). */
export const documentLimit = 8 * 1024 * 1024;

/** Go's programs write an empty list as null. */
const listOf = <T extends z.ZodType>(of: T) =>
  z
    .array(of)
    .nullable()
    .transform((list) => list ?? []);

const PlatformedDescriptor = z
  .object({ ...Descriptor.unwrap().shape, platform: Platform.optional() })
  .readonly();

export const ImageIndex = z.object({
  schemaVersion: z.literal(2),
  manifests: listOf(PlatformedDescriptor),
});
export type ImageIndex = z.infer<typeof ImageIndex>;

export const ImageManifest = z.object({
  schemaVersion: z.literal(2),
  config: Descriptor,
  layers: listOf(Descriptor),
});
export type ImageManifest = z.infer<typeof ImageManifest>;

const strings = z.array(z.string()).nullish();
const emptyObjects = z.record(z.string(), z.object({})).nullish();
export const ImageConfig = z.object({
  architecture: z.string(),
  os: z.string(),
  variant: z.string().optional(),
  created: z.string().optional(),
  config: z
    .object({
      User: z.string().optional(),
      Env: strings,
      Entrypoint: strings,
      Cmd: strings,
      WorkingDir: z.string().optional(),
      Labels: z.record(z.string(), z.string()).nullish(),
      StopSignal: z.string().optional(),
      Volumes: emptyObjects,
      ExposedPorts: emptyObjects,
    })
    .nullish(),
  rootfs: z.object({ type: z.string(), diff_ids: listOf(DiffId) }),
});
export type ImageConfig = z.infer<typeof ImageConfig>;

/** Architectures as Go names them; the usual other spellings, too. */
const architectures: Readonly<Record<string, Pick<Platform, 'architecture' | 'variant'>>> = {
  x86_64: { architecture: 'amd64' },
  x64: { architecture: 'amd64' },
  aarch64: { architecture: 'arm64' },
  armhf: { architecture: 'arm', variant: 'v7' },
  armel: { architecture: 'arm', variant: 'v6' },
  i386: { architecture: '386' },
};
const impliedVariant: Readonly<Record<string, string>> = { arm64: 'v8', arm: 'v7', amd64: 'v1' };

/** A platform in its usual spelling, without a variant that goes without saying. */
export const normalisePlatform = (platform: Platform): Platform => {
  const named = architectures[platform.architecture.toLowerCase()];
  const architecture = named?.architecture ?? platform.architecture.toLowerCase();
  const variant = platform.variant || named?.variant;
  const base = { os: platform.os.toLowerCase(), architecture };
  return variant === undefined || (variant === impliedVariant[architecture] && architecture !== 'arm')
    ? base
    : { ...base, variant };
};

/** `os/architecture[/variant]`, as `--platform` takes it. */
export const platformText = (platform: Platform): string =>
  [platform.os, platform.architecture, ...(platform.variant ? [platform.variant] : [])].join('/');

/**
 * The manifest of an index that suits a platform best: the same variant, else one without (for arm the highest that is
 * not above the wanted one). Attestations (`unknown/unknown`) never suit.
 */
export const chooseManifest = (index: ImageIndex, wanted: Platform): number | undefined => {
  const want = normalisePlatform(wanted);
  const score = (given: Platform | undefined): number => {
    if (given === undefined) return 0;
    const have = normalisePlatform(given);
    if (have.os !== want.os || have.architecture !== want.architecture) return -1;
    if (have.variant === want.variant) return 100;
    if (have.variant === undefined) return 50;
    if (want.architecture !== 'arm') return -1;
    const rank = (variant: string | undefined) => Number.parseInt(variant?.slice(1) ?? '7', 10);
    return rank(have.variant) <= rank(want.variant) ? rank(have.variant) : -1;
  };
  let best: number | undefined;
  let bestScore = -1;
  index.manifests.forEach((descriptor, at) => {
    const points = isManifest(descriptor.mediaType) ? score(descriptor.platform) : -1;
    if (points > bestScore) [best, bestScore] = [at, points];
  });
  return best;
};

/** Labels that make a manifest keep its configuration and layers. */
export const manifestLabels = (manifest: ImageManifest): Labels =>
  Object.fromEntries([
    [`${gcLabels.content}.config`, manifest.config.digest],
    ...manifest.layers.map((layer, at) => [`${gcLabels.content}.l.${at}`, layer.digest]),
  ]);

/** Labels that make an index keep the manifests at these places. */
export const indexLabels = (index: ImageIndex, chosen: readonly number[]): Labels =>
  Object.fromEntries(
    chosen.flatMap((at) => {
      const manifest = index.manifests[at];
      return manifest ? [[`${gcLabels.content}.m.${at}`, manifest.digest]] : [];
    }),
  );
