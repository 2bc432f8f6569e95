import { z } from 'zod';
import type { Descriptor } from '../domain/identity.ts';
import { type ImageManifest, mediaTypes } from '../domain/oci-image.ts';
import { Rejection } from '../domain/rejection.ts';

/** Names of the documents of an archive. */
export const documentNames = {
  ociLayout: 'oci-layout',
  ociIndex: 'index.json',
  dockerManifest: 'manifest.json',
  dockerRepositories: 'repositories',
} as const;

/** `oci-layout` (image-spec, image-layout.md). */
export const OciLayout = z.object({ imageLayoutVersion: z.string() });
export const layoutVersion = '1.0.0';

/** `manifest.json` of `docker save`: paths within the archive. */
export const DockerArchive = z.array(
  z.object({
    Config: z.string().min(1),
    RepoTags: z.array(z.string()).nullish(),
    Layers: z.array(z.string().min(1)).nullish(),
  }),
);
export type DockerArchive = z.infer<typeof DockerArchive>;

/** What names an image in `index.json`: its full name in containerd's and docker's archives, and its tag. */
export const nameAnnotations = {
  full: 'io.containerd.image.name',
  tag: 'org.opencontainers.image.ref.name',
} as const;

/** A document of an archive, checked. */
export const parseDocument = <T>(name: string, text: string, schema: z.ZodType<T>): T => {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    throw new Rejection('failed-precondition', `the archive's ${name} is not JSON`, { cause: error });
  }
  const result = schema.safeParse(parsed);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new Rejection(
    'failed-precondition',
    `the archive's ${name} is malformed at '${issue?.path.join('.')}': ${issue?.message}`,
  );
};

/** A descriptor and nothing else, in the order in which it is written. */
export const bare = ({ mediaType, digest, size }: Descriptor): Descriptor => ({ mediaType, digest, size });

/** A manifest as text: the same parts give the same bytes. */
export const manifestText = ({ config, layers }: Pick<ImageManifest, 'config' | 'layers'>): string =>
  JSON.stringify({
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    config: bare(config),
    layers: layers.map(bare),
  });
