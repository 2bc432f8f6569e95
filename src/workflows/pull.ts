import type { Descriptor, Digest, LeaseId, Namespace, Platform, TransferId } from '../domain/identity.ts';
import { imageNameOf } from '../domain/image-reference.ts';
import { findImage } from '../domain/images.ts';
import {
  chooseManifest,
  ImageConfig,
  ImageIndex,
  ImageManifest,
  indexLabels,
  isIndex,
  isManifest,
  manifestLabels,
  platformText,
} from '../domain/oci-image.ts';
import { Rejection } from '../domain/rejection.ts';
import { fetchContent, fetchLayer, readDocument, type Source } from './documents.ts';
import type { RegistryInput } from './effects.ts';
import { dispatch, look, perform, type Workflow } from './steps.ts';
import { underTransfer } from './transfer.ts';
import { type BringLayer, bringAndUnpack } from './unpack.ts';

export interface PullRequest extends RegistryInput {
  readonly namespace: Namespace;
  /** The host's own when absent. */
  readonly platform?: Platform;
}

export interface Pulled {
  readonly name: string;
  readonly target: Descriptor;
  /** The name stood for this already, and nothing had to be moved. */
  readonly upToDate: boolean;
}

/**
 * Pulls an image: resolve, fetch what is missing, unpack what is not unpacked, name it. Everything is held by a lease
 * until the name holds it; a pull that ends early leaves only what collection takes.
 */
export function* pull(request: PullRequest): Workflow<Pulled> {
  const name = imageNameOf(request.reference);
  const platform = request.platform ?? (yield* perform('host-platform', {}));
  const { namespace } = request;
  return yield* underTransfer(
    { namespace, verb: 'pull', what: name, platform },
    function* (_id: TransferId, lease: LeaseId) {
      const target = yield* perform('resolve-image', request);
      yield* perform('report', { kind: 'resolved', name, target });
      const before = findImage((yield* look()).image, namespace, name);
      const bytes = yield* fetchTree({ ...request, lease }, target, platform);
      yield* dispatch({ type: 'set-image', namespace, name, target, labels: {} });
      const upToDate = before?.target.digest === target.digest && bytes === 0;
      return { result: { name, target, upToDate }, digest: target.digest, bytes };
    },
  );
}

/** Fetches and unpacks what a descriptor stands for, for one platform. @returns bytes moved */
export function* fetchTree(source: Source, target: Descriptor, platform: Platform): Workflow<number> {
  if (isManifest(target.mediaType)) return yield* fetchManifest(source, target);
  if (!isIndex(target.mediaType)) {
    throw new Rejection(
      'unimplemented',
      `${imageNameOf(source.reference)} is '${target.mediaType}'; only OCI and Docker (schema 2) images can be pulled`,
    );
  }
  const bytes = yield* fetchContent(source, target, 'index');
  const index = yield* readDocument(target, ImageIndex);
  const at = chooseManifest(index, platform);
  const chosen = at === undefined ? undefined : index.manifests[at];
  if (at === undefined || chosen === undefined)
    throw noPlatform(imageNameOf(source.reference), index, platform);
  yield* label(source.namespace, target.digest, indexLabels(index, [at]));
  return bytes + (yield* fetchManifest(source, chosen));
}

function* fetchManifest(source: Source, descriptor: Descriptor): Workflow<number> {
  const own = yield* fetchContent(source, descriptor, 'manifest');
  const manifest = yield* readDocument(descriptor, ImageManifest);
  yield* label(source.namespace, descriptor.digest, manifestLabels(manifest));
  const config = yield* fetchContent(source, manifest.config, 'config');
  const document = yield* readDocument(manifest.config, ImageConfig);
  return own + config + (yield* bringAndUnpack(source, manifest, document, bringFrom(source)));
}

/** Layers from a registry. */
export const bringFrom = (source: Source): BringLayer =>
  function* (layer, labels, into) {
    if (into !== undefined) return yield* fetchLayer(source, layer, labels, into);
    return { moved: yield* fetchContent(source, layer, 'layer', labels) };
  };

function* label(
  namespace: Namespace,
  digest: Digest,
  labels: Readonly<Record<string, string>>,
): Workflow<void> {
  yield* dispatch({ type: 'label-blob', namespace, digest, labels });
}

/** @param what names the image */
export const noPlatform = (what: string, index: ImageIndex, wanted: Platform): Rejection => {
  const has = index.manifests.flatMap(({ platform }) => (platform ? [platformText(platform)] : []));
  return new Rejection(
    'not-found',
    `${what} has no image for ${platformText(wanted)}; it has ${has.join(', ') || 'none'}; choose one with --platform`,
  );
};
