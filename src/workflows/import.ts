import { findBlob } from '../domain/content.ts';
import type { Descriptor, Digest, ImageName, Namespace, Platform } from '../domain/identity.ts';
import { type ImageReference, imageNameOf } from '../domain/image-reference.ts';
import {
  chooseManifest,
  ImageConfig,
  ImageIndex,
  ImageManifest,
  indexLabels,
  isIndex,
  isManifest,
  manifestLabels,
} from '../domain/oci-image.ts';
import { Rejection } from '../domain/rejection.ts';
import type { Command } from '../domain/world.ts';
import { type ArchivedImage, imagesIn } from './archive-images.ts';
import { type Hold, holdContent, readDocument } from './documents.ts';
import type { ItemKind } from './effects.ts';
import { noPlatform } from './pull.ts';
import { dispatch, look, perform, type Workflow } from './steps.ts';
import { takeIn } from './take-archive.ts';
import { underTransfer } from './transfer.ts';
import { bringAndUnpack } from './unpack.ts';

export interface ImportRequest {
  readonly namespace: Namespace;
  /** For what the archive leaves without a name. */
  readonly name?: ImageReference;
  /** The one to unpack; the host's own when absent. */
  readonly platform?: Platform;
}

/**
 * Imports the images of the archive that the run was given: everything into the store, then unpacked, then named, all
 * names at once. Held by a lease meanwhile, so that an import that ends early leaves only what collection takes.
 * @returns full names of the images
 */
export function* importArchive(request: ImportRequest): Workflow<readonly ImageName[]> {
  const { namespace, name } = request;
  const platform = request.platform ?? (yield* perform('host-platform', {}));
  const what = name === undefined ? 'an archive' : imageNameOf(name);
  return yield* underTransfer({ namespace, verb: 'import', what, platform }, function* (_id, lease) {
    const hold: Hold = { namespace, lease };
    const contents = yield* takeIn(hold);
    const images = yield* imagesIn(hold, contents);
    const named = nameAll(images, name);
    for (const { target } of images) yield* adopt(hold, target, [platform], true);
    const naming = [...named].map(
      ([as, target]): Command => ({ type: 'set-image', namespace, name: as, target, labels: {} }),
    );
    yield* dispatch(...naming);
    const [only, ...others] = new Set(images.map(({ target }) => target.digest));
    const digest = only === undefined || others.length > 0 ? {} : { digest: only };
    return { result: [...named.keys()], ...digest, bytes: contents.bytes };
  });
}

/** Every image under its names. @throws Rejection where one has none, or two have the same */
const nameAll = (
  images: readonly ArchivedImage[],
  given: ImageReference | undefined,
): ReadonlyMap<ImageName, Descriptor> => {
  if (images.length === 0) throw new Rejection('failed-precondition', 'the archive holds no image');
  const unnamed = images.filter(({ names }) => names.length === 0);
  const named = new Map<ImageName, Descriptor>();
  for (const image of images) {
    const names = image.names.length > 0 ? image.names : [nameFor(image, given, unnamed.length)];
    for (const name of names as readonly ImageName[]) {
      const other = named.get(name);
      if (other !== undefined && other.digest !== image.target.digest) {
        throw new Rejection('failed-precondition', `the archive calls two different images '${name}'`);
      }
      named.set(name, image.target);
    }
  }
  return named;
};

/** The given name; with several that have none, its repository and their own tags. */
const nameFor = (
  { target, tag }: ArchivedImage,
  given: ImageReference | undefined,
  unnamed: number,
): ImageName => {
  if (given === undefined) {
    throw new Rejection(
      'invalid-argument',
      `the archive gives no name to image ${target.digest}${tag === undefined ? '' : ` (only the tag '${tag}')`}; give one with --name`,
    );
  }
  const { registry, repository, digest } = given;
  if (digest !== undefined && digest !== target.digest) {
    throw new Rejection(
      'invalid-argument',
      `the name given is for ${digest}, but the archive holds ${target.digest}`,
    );
  }
  if (unnamed === 1) return imageNameOf(given);
  if (tag !== undefined) return imageNameOf({ registry, repository, tag });
  return imageNameOf({ registry, repository, digest: target.digest });
};

/**
 * Makes a tree of content an image: holds it together by labels, and unpacks it for the platforms that it has.
 * @throws Rejection where it is broken; `not-found` where `must` is given and there is nothing for any of the platforms
 */
export function* adopt(
  hold: Hold,
  target: Descriptor,
  unpack: readonly Platform[],
  must = false,
): Workflow<void> {
  if (isManifest(target.mediaType)) return yield* adoptManifest(hold, target, unpack.length > 0);
  if (!isIndex(target.mediaType)) {
    throw new Rejection(
      'unimplemented',
      `the archive holds a '${target.mediaType}'; only OCI and Docker (schema 2) images can be imported`,
    );
  }
  yield* required(hold, target, 'index');
  const index = yield* readDocument(target, ImageIndex);
  const { content } = yield* look();
  const here = index.manifests.flatMap(({ mediaType, digest }, at) =>
    isManifest(mediaType) && findBlob(content, hold.namespace, digest) ? [at] : [],
  );
  const manifests = here.flatMap((at) => index.manifests[at] ?? []);
  const chosen = new Set(unpack.flatMap((one) => chooseManifest({ ...index, manifests }, one) ?? []));
  const [wanted] = unpack;
  if (must && wanted !== undefined && chosen.size === 0) {
    throw noPlatform(`the archive's image ${target.digest}`, { ...index, manifests }, wanted);
  }
  yield* label(hold, target.digest, indexLabels(index, here));
  for (const [at, manifest] of manifests.entries()) yield* adoptManifest(hold, manifest, chosen.has(at));
}

function* adoptManifest(hold: Hold, descriptor: Descriptor, unpack: boolean): Workflow<void> {
  yield* required(hold, descriptor, 'manifest');
  const manifest = yield* readDocument(descriptor, ImageManifest);
  yield* label(hold, descriptor.digest, manifestLabels(manifest));
  if (!unpack) return;
  yield* required(hold, manifest.config, 'config');
  const document = yield* readDocument(manifest.config, ImageConfig);
  yield* bringAndUnpack(hold, manifest, document, function* (layer, labels) {
    yield* required(hold, layer, 'layer', labels);
    return { moved: 0 };
  });
}

function* label(
  { namespace }: Hold,
  digest: Digest,
  labels: Readonly<Record<string, string>>,
): Workflow<void> {
  yield* dispatch({ type: 'label-blob', namespace, digest, labels });
}

/** Takes hold of content that the archive, or an earlier transfer, must have brought. */
function* required(
  hold: Hold,
  descriptor: Descriptor,
  as: ItemKind,
  labels: Readonly<Record<string, string>> = {},
): Workflow<void> {
  const { digest, size } = descriptor;
  const blob = findBlob((yield* look()).content, hold.namespace, digest);
  if (blob !== undefined && blob.size !== size) {
    throw new Rejection(
      'failed-precondition',
      `the ${as} ${digest} has ${blob.size} bytes where the archive says ${size}; the archive is broken`,
    );
  }
  if (yield* holdContent(hold, descriptor, as, labels)) return;
  throw new Rejection(
    'failed-precondition',
    `the archive lacks the ${as} ${digest}, and it is not here from elsewhere; the archive is not whole`,
  );
}
