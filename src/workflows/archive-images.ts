import type { Descriptor } from '../domain/identity.ts';
import { ImageReference, imageNameOf } from '../domain/image-reference.ts';
import { ImageIndex, mediaTypes } from '../domain/oci-image.ts';
import { Rejection } from '../domain/rejection.ts';
import {
  bare,
  DockerArchive,
  documentNames,
  manifestText,
  nameAnnotations,
  OciLayout,
  parseDocument,
} from './archive-documents.ts';
import type { Hold } from './documents.ts';
import { perform, type Workflow } from './steps.ts';
import { type ArchiveContents, type StoredFile, storeText } from './take-archive.ts';

/** An image of an archive. */
export interface ArchivedImage {
  readonly target: Descriptor;
  /** Full names, as the archive gives them. */
  readonly names: readonly string[];
  /** What it has for a name where it has no full one. */
  readonly tag?: string;
}

/** The images that an archive says it holds; those of an OCI layout where it is both that and docker's. */
export function* imagesIn(hold: Hold, contents: ArchiveContents): Workflow<readonly ArchivedImage[]> {
  const { documents } = contents;
  const index = documents.get(documentNames.ociIndex);
  const layout = documents.get(documentNames.ociLayout);
  if (index !== undefined && layout !== undefined) return ociImages(layout, index);
  const docker = documents.get(documentNames.dockerManifest);
  if (docker !== undefined) return yield* dockerImages(hold, contents, docker);
  const why =
    documents.has(documentNames.dockerRepositories) && contents.files.size > 0
      ? 'it was made by a docker before 1.10; load and save it with a newer one'
      : 'it has neither oci-layout with index.json, nor manifest.json; is it a file system rather than an image?';
  throw new Rejection('failed-precondition', `this is no archive of images: ${why}`);
}

const ociImages = (layoutText: string, indexText: string): readonly ArchivedImage[] => {
  const layout = parseDocument(documentNames.ociLayout, layoutText, OciLayout);
  if (!layout.imageLayoutVersion.startsWith('1.')) {
    throw new Rejection(
      'unimplemented',
      `the archive is an OCI layout of version ${layout.imageLayoutVersion.slice(0, 20)}; versions 1.x can be read`,
    );
  }
  const index = parseDocument(documentNames.ociIndex, indexText, ImageIndex);
  return index.manifests.map((descriptor) => {
    const { [nameAnnotations.full]: full, [nameAnnotations.tag]: tag } = descriptor.annotations ?? {};
    // The specification leaves it open whether this is a tag or a whole name, and both are found.
    const whole = full ?? (tag !== undefined && /[:/]/.test(tag) ? tag : undefined);
    const target = bare(descriptor);
    if (whole !== undefined) return { target, names: [fullName(whole)] };
    return { target, names: [], ...(tag === undefined ? {} : { tag }) };
  });
};

/** The full form of a name that an archive gives. */
const fullName = (text: string): string => {
  const reference = ImageReference.safeParse(text);
  if (reference.success) return imageNameOf(reference.data);
  throw new Rejection(
    'failed-precondition',
    `the archive gives an image the name '${text.slice(0, 200)}': ${reference.error.issues[0]?.message}`,
  );
};

function* dockerImages(
  hold: Hold,
  contents: ArchiveContents,
  text: string,
): Workflow<readonly ArchivedImage[]> {
  const images: ArchivedImage[] = [];
  for (const { Config, RepoTags, Layers } of parseDocument(
    documentNames.dockerManifest,
    text,
    DockerArchive,
  )) {
    const config = { mediaType: mediaTypes.ociConfig, ...fileAt(contents, Config) };
    const layers: Descriptor[] = [];
    for (const path of Layers ?? []) layers.push(yield* layerOf(fileAt(contents, path)));
    // Docker's archives have no manifest in the sense of registries: it is made of what they say.
    const manifest = yield* storeText(hold, manifestText({ config, layers }));
    const target = { mediaType: mediaTypes.ociManifest, ...manifest };
    images.push({ target, names: (RepoTags ?? []).map(fullName) });
  }
  return images;
}

const layerTypes = {
  none: mediaTypes.ociLayer,
  gzip: mediaTypes.ociLayerGzip,
  zstd: mediaTypes.ociLayerZstd,
} as const;

function* layerOf({ digest, size }: StoredFile): Workflow<Descriptor> {
  const compression = yield* perform('compression-of', { digest });
  return { mediaType: layerTypes[compression], digest, size };
}

/** Links of one file in a row; more is a loop. */
const linkLimit = 8;

/** A file by its path, through links. */
const fileAt = ({ files, links }: ArchiveContents, path: string): StoredFile => {
  let at = path.replace(/^(?:\.\/)+/, '');
  for (let followed = 0; followed <= linkLimit; followed += 1) {
    const file = files.get(at);
    if (file !== undefined) return file;
    const target = links.get(at);
    if (target === undefined) break;
    at = target;
  }
  throw new Rejection(
    'failed-precondition',
    `the archive's ${documentNames.dockerManifest} names '${path.slice(0, 200)}', which is not in it; it is not whole`,
  );
};
