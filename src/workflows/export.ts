import { findBlob } from '../domain/content.ts';
import type { Descriptor, Digest, Namespace, Platform } from '../domain/identity.ts';
import { familiarName, ImageReference } from '../domain/image-reference.ts';
import type { Image } from '../domain/images.ts';
import {
  chooseManifest,
  ImageConfig,
  ImageIndex,
  ImageManifest,
  isIndex,
  isManifest,
  platformText,
} from '../domain/oci-image.ts';
import { Rejection } from '../domain/rejection.ts';
import {
  bare,
  type DockerArchive,
  documentNames,
  layoutVersion,
  nameAnnotations,
} from './archive-documents.ts';
import { readDocument } from './documents.ts';
import type { ArchivePart } from './effects.ts';
import { dispatch, look, perform, type Workflow } from './steps.ts';
import { underTransfer } from './transfer.ts';

export interface ExportRequest {
  readonly namespace: Namespace;
  readonly images: readonly Image[];
  readonly format: 'oci' | 'docker';
  /** Of an OCI archive: also docker's `manifest.json`, for programs that read nothing else. */
  readonly compatible?: boolean;
  /** Of an OCI archive: which manifests of an index; all that are here when absent or empty. */
  readonly platforms?: readonly Platform[];
}

/**
 * Writes images into one archive, to the sink that the run was given. A lease holds them meanwhile. Equal images make
 * equal archives.
 */
export function* exportArchive({ namespace, images, format, ...how }: ExportRequest): Workflow<void> {
  const what = images
    .map(({ name }) => name)
    .join(' ')
    .slice(0, 1024);
  yield* underTransfer({ namespace, verb: 'export', what }, function* (_id, lease) {
    const targets = new Map(images.map(({ target }) => [target.digest, target]));
    for (const id of targets.keys()) {
      const resource = { type: 'content', id };
      yield* dispatch({ type: 'add-lease-resource', namespace, id: lease, resource });
    }
    const files =
      format === 'oci' ? yield* ociFiles(namespace, images, how) : yield* dockerFiles(namespace, images);
    const bytes = yield* perform('send-archive', { files });
    const [only, ...others] = targets.keys();
    const digest = only === undefined || others.length > 0 ? {} : { digest: only };
    return { result: undefined, ...digest, bytes };
  });
}

interface Tree {
  readonly image: Image;
  readonly index?: { readonly descriptor: Descriptor; readonly document: ImageIndex };
  /** Manifests that are here as a whole. */
  readonly manifests: readonly WholeManifest[];
}
interface WholeManifest {
  readonly descriptor: Descriptor;
  readonly document: ImageManifest;
}

/** Everything of an image that is here. @throws Rejection where no manifest of it is here as a whole */
function* treeOf(namespace: Namespace, image: Image): Workflow<Tree> {
  const { target } = image;
  const index = isIndex(target.mediaType)
    ? { descriptor: target, document: yield* documentHere(namespace, image, target, ImageIndex) }
    : undefined;
  const { content } = yield* look();
  const has = ({ digest }: Descriptor) => findBlob(content, namespace, digest) !== undefined;
  const listed = index?.document.manifests ?? [target];
  const manifests: WholeManifest[] = [];
  for (const descriptor of listed) {
    if (!isManifest(descriptor.mediaType) || !has(descriptor)) continue;
    const document = yield* readDocument(descriptor, ImageManifest);
    if ([document.config, ...document.layers].every(has)) manifests.push({ descriptor, document });
  }
  if (manifests.length === 0) throw notHere(image);
  return { image, manifests, ...(index ? { index } : {}) };
}

function* documentHere<T>(
  namespace: Namespace,
  image: Image,
  descriptor: Descriptor,
  schema: Parameters<typeof readDocument<T>>[1],
): Workflow<T> {
  if (!findBlob((yield* look()).content, namespace, descriptor.digest)) throw notHere(image);
  return yield* readDocument(descriptor, schema);
}

const notHere = ({ name }: Image): Rejection =>
  new Rejection('failed-precondition', `image '${familiarName(name)}' is not here as a whole; pull it again`);

/** An OCI image layout (image-spec, image-layout.md): what tells of the blobs first, then the blobs by digest. */
function* ociFiles(
  namespace: Namespace,
  images: readonly Image[],
  { compatible = false, platforms = [] }: Pick<ExportRequest, 'compatible' | 'platforms'>,
): Workflow<readonly ArchivePart[]> {
  const blobs = new Map<string, ArchivePart>();
  const listed: Descriptor[] = [];
  const entries = new Map<Digest, DockerEntry>();
  for (const image of images) {
    const tree = onlyFor(platforms, yield* treeOf(namespace, image));
    const { index, manifests } = tree;
    if (compatible) noteEntry(entries, image, (yield* manifestHere(tree)) ?? manifests[0]);
    const parts = manifests.flatMap(({ descriptor, document }) => [
      descriptor,
      document.config,
      ...document.layers,
    ]);
    for (const { digest, size } of [...(index ? [index.descriptor] : []), ...parts]) {
      const path = blobPath(digest);
      blobs.set(path, { path, blob: digest, size });
    }
    listed.push({ ...bare(image.target), annotations: annotationsOf(image) });
  }
  const json = (path: string, value: unknown): ArchivePart => ({ path, text: JSON.stringify(value) });
  return [
    json(documentNames.ociLayout, { imageLayoutVersion: layoutVersion }),
    json(documentNames.ociIndex, { schemaVersion: 2, manifests: listed }),
    ...(compatible ? [json(documentNames.dockerManifest, [...entries.values()])] : []),
    ...[...blobs.values()].sort((a, b) => (a.path < b.path ? -1 : 1)),
  ];
}

const blobPath = (digest: Digest): string => `blobs/${digest.replace(':', '/')}`;

type DockerEntry = DockerArchive[number] & { readonly RepoTags: string[] };

/** What docker reads of one manifest in an OCI layout. */
const noteEntry = (
  entries: Map<Digest, DockerEntry>,
  image: Image,
  manifest: WholeManifest | undefined,
): void => {
  if (manifest === undefined) return;
  const { descriptor, document } = manifest;
  const entry = entries.get(descriptor.digest) ?? {
    Config: blobPath(document.config.digest),
    RepoTags: [],
    Layers: document.layers.map(({ digest }) => blobPath(digest)),
  };
  if (tagOf(image) !== undefined) entry.RepoTags.push(familiarName(image.name));
  entries.set(descriptor.digest, entry);
};

/** @throws Rejection `not-found` where nothing of an index is here for these platforms */
const onlyFor = (platforms: readonly Platform[], tree: Tree): Tree => {
  const { index, image } = tree;
  if (platforms.length === 0 || index === undefined) return tree;
  const chosen = new Set(platforms.map((platform) => chooseManifest(index.document, platform)));
  const wanted = new Set(
    index.document.manifests
      .filter(({ platform }, at) => platform === undefined || chosen.has(at))
      .map(({ digest }) => digest),
  );
  const manifests = tree.manifests.filter(({ descriptor }) => wanted.has(descriptor.digest));
  if (manifests.length > 0) return { ...tree, manifests };
  throw new Rejection(
    'not-found',
    `image '${familiarName(image.name)}' is not here for ${platforms.map(platformText).join(', ')}: no manifest found for platform: not found`,
  );
};

const tagOf = ({ name }: Image): string | undefined => ImageReference.safeParse(name).data?.tag;

const annotationsOf = (image: Image): Record<string, string> => {
  const tag = tagOf(image);
  return {
    [nameAnnotations.full]: image.name,
    ...(tag === undefined ? {} : { [nameAnnotations.tag]: tag }),
  };
};

/** The archive of `docker save`: of each image the manifest for this host, its layers uncompressed. */
function* dockerFiles(namespace: Namespace, images: readonly Image[]): Workflow<readonly ArchivePart[]> {
  const files = new Map<string, ArchivePart>();
  const entries = new Map<string, DockerArchive[number] & { readonly RepoTags: string[] }>();
  for (const image of images) {
    const { config, layers } = (yield* manifestForHost(yield* treeOf(namespace, image))).document;
    const { diff_ids: diffIds } = (yield* readDocument(config, ImageConfig)).rootfs;
    if (diffIds.length !== layers.length) {
      throw new Rejection(
        'failed-precondition',
        `image '${familiarName(image.name)}' has ${diffIds.length} diffIDs for ${layers.length} layers; it is broken`,
      );
    }
    const Config = `${hexOf(config.digest)}.json`;
    files.set(Config, { path: Config, blob: config.digest, size: config.size });
    const Layers = layers.map(({ digest }, at) => {
      const diffId = diffIds[at] ?? digest;
      const path = `${hexOf(diffId)}/layer.tar`;
      files.set(path, { path, layer: digest, diffId: diffId as (typeof diffIds)[number] });
      return path;
    });
    const entry = entries.get(Config) ?? { Config, RepoTags: [], Layers };
    if (tagOf(image) !== undefined) entry.RepoTags.push(familiarName(image.name));
    entries.set(Config, entry);
  }
  return [
    ...[...files.values()].sort((a, b) => (a.path < b.path ? -1 : 1)),
    { path: documentNames.dockerManifest, text: JSON.stringify([...entries.values()]) },
  ];
}

const hexOf = (digest: string): string => digest.slice(digest.indexOf(':') + 1);

function* manifestHere({ index, manifests }: Tree): Workflow<WholeManifest | undefined> {
  const [first] = manifests;
  if (index === undefined && first !== undefined) return first;
  const platform = yield* perform('host-platform', {});
  const here = (index?.document.manifests ?? []).filter(({ digest }) =>
    manifests.some(({ descriptor }) => descriptor.digest === digest),
  );
  const at = chooseManifest({ schemaVersion: 2, manifests: here }, platform);
  const chosen = at === undefined ? undefined : here[at]?.digest;
  return manifests.find(({ descriptor }) => descriptor.digest === chosen);
}

function* manifestForHost(tree: Tree): Workflow<WholeManifest> {
  const chosen = yield* manifestHere(tree);
  if (chosen !== undefined) return chosen;
  throw new Rejection(
    'failed-precondition',
    `image '${familiarName(tree.image.name)}' is not here for this host's platform, and docker's archives hold only one; export it as oci`,
  );
}
