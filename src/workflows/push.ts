import { findBlob } from '../domain/content.ts';
import type { Descriptor, Namespace, Platform } from '../domain/identity.ts';
import { type ImageReference, imageNameOf } from '../domain/image-reference.ts';
import type { Image } from '../domain/images.ts';
import { chooseManifest, ImageIndex, ImageManifest, isIndex } from '../domain/oci-image.ts';
import { Rejection } from '../domain/rejection.ts';
import type { World } from '../domain/world.ts';
import { originLabelName, readDocument } from './documents.ts';
import type { RegistryInput } from './effects.ts';
import { all, look, perform, type Workflow } from './steps.ts';
import { underTransfer } from './transfer.ts';

export interface PushRequest extends RegistryInput {
  readonly namespace: Namespace;
  readonly image: Image;
}

export interface Pushed {
  readonly name: string;
  readonly target: Descriptor;
}

const concurrentBlobs = 4;

/**
 * Pushes an image: blobs first, then manifests, the named one last, so that the registry never holds a name for what it
 * has not. An index of which only some platforms are here is not pushed: the manifest of this host's platform is.
 */
export function* push(request: PushRequest): Workflow<Pushed> {
  const { namespace, reference } = request;
  const name = imageNameOf(reference);
  return yield* underTransfer({ namespace, verb: 'push', what: name }, function* () {
    const { target, manifests } = yield* choose(request);
    yield* perform('report', { kind: 'resolved', name, target });
    let bytes = 0;
    for (const manifest of manifests) bytes += yield* pushBlobs(request, manifest);
    for (const manifest of manifests) {
      const byDigest = manifest.digest !== target.digest;
      bytes += yield* perform('push-manifest', { ...request, descriptor: manifest, byDigest });
    }
    if (isIndex(target.mediaType)) {
      bytes += yield* perform('push-manifest', { ...request, descriptor: target, byDigest: false });
    }
    return { result: { name, target }, digest: target.digest, bytes };
  });
}

/** What to push of an image: its target with all its manifests where they are all here. */
function* choose(request: PushRequest): Workflow<{ target: Descriptor; manifests: readonly Descriptor[] }> {
  const { target } = request.image;
  if (!isIndex(target.mediaType)) return { target, manifests: [target] };
  const index = yield* readDocument(target, ImageIndex);
  const world = yield* look();
  const present = index.manifests.filter(({ digest }) => findBlob(world.content, request.namespace, digest));
  if (present.length === index.manifests.length) return { target, manifests: present };
  const platform: Platform = yield* perform('host-platform', {});
  const at = chooseManifest({ ...index, manifests: present }, platform);
  const manifest = at === undefined ? undefined : present[at];
  if (!manifest) {
    throw new Rejection(
      'failed-precondition',
      `no platform of '${request.image.name}' is here as a whole; pull it first`,
    );
  }
  return { target: manifest, manifests: [manifest] };
}

function* pushBlobs(request: PushRequest, descriptor: Descriptor): Workflow<number> {
  const manifest = yield* readDocument(descriptor, ImageManifest);
  const world = yield* look();
  const seen = new Set<string>();
  const blobs = [manifest.config, ...manifest.layers].filter(
    ({ digest }) => !seen.has(digest) && seen.add(digest),
  );
  const moved = yield* all(
    blobs.map((blob) =>
      perform('push-blob', {
        ...request,
        descriptor: blob,
        mountFrom: sourcesOf(world, request.namespace, request.reference, blob),
        as: blob === manifest.config ? 'config' : 'layer',
      }),
    ),
    concurrentBlobs,
  );
  return moved.reduce((sum, bytes) => sum + bytes, 0);
}

/** Repositories of the same registry that hold the blob, as its labels remember. */
const sourcesOf = (
  world: World,
  namespace: Namespace,
  { registry, repository }: ImageReference,
  { digest }: Descriptor,
): readonly string[] => {
  const known = findBlob(world.content, namespace, digest)?.labels[originLabelName(registry)];
  return (known ?? '').split(',').filter((from) => from !== '' && from !== repository);
};
