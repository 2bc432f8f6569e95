/** Manifests and indexes, which registries serve under `manifests/`; everything else is a blob. */
export const manifestTypes = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.docker.distribution.manifest.v2+json',
] as const;

const known: ReadonlySet<string> = new Set(manifestTypes);

/** What we can read, and anything else rather than nothing. */
export const ACCEPT_MANIFESTS = [...manifestTypes, '*/*'].join(', ');

export const isManifest = (mediaType: string): boolean => known.has(mediaType);

/** Layers that registries may not hold; their descriptors say in `urls` where they are. */
export const isForeign = (mediaType: string): boolean =>
  mediaType.startsWith('application/vnd.oci.image.layer.nondistributable.') ||
  mediaType.startsWith('application/vnd.docker.image.rootfs.foreign.');
