import type { Descriptor, ImageName, Labels, Namespace, Platform } from '../domain/identity.ts';
import { imageNameOf } from '../domain/image-reference.ts';
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
import { asRejection, Rejection } from '../domain/rejection.ts';
import type { Command } from '../domain/world.ts';
import { fetchContent, readDocument, type Source } from './documents.ts';
import type { RegistryInput } from './effects.ts';
import { bringFrom } from './pull.ts';
import { all, dispatch, perform, type Workflow } from './steps.ts';
import { underTransfer } from './transfer.ts';
import { bringAndUnpack } from './unpack.ts';

export interface PullInto extends RegistryInput {
  readonly namespace: Namespace;
  readonly names: readonly ImageName[];
  readonly labels: Labels;
  /** Which to fetch of an index; all where none is named. */
  readonly platforms: readonly Platform[];
  /** Which of them to unpack. */
  readonly unpack: readonly Platform[];
}

/** Layers fetched at once. */
const concurrentLayers = 4;

/** Pulls an image for any number of platforms, under names of the caller's own, held by a lease until the names hold it. */
export function* pullInto(request: PullInto): Workflow<Descriptor> {
  const { namespace, names, labels, reference } = request;
  const what = imageNameOf(reference);
  return yield* underTransfer({ namespace, verb: 'pull', what }, function* (_id, lease) {
    const target = yield* resolved(request);
    yield* perform('report', { kind: 'resolved', name: names[0] ?? what, target });
    const bytes = yield* fetchAll({ ...request, lease }, request, target);
    const naming = names.map((name): Command => ({ type: 'set-image', namespace, name, target, labels }));
    yield* dispatch(...naming);
    return { result: target, digest: target.digest, bytes };
  });
}

/** @throws Rejection of the registry, in containerd's words where there is no such image */
function* resolved(request: PullInto): Workflow<Descriptor> {
  try {
    return yield* perform('resolve-image', request);
  } catch (error) {
    const { code, message } = asRejection(error);
    const why = code === 'not-found' ? `${imageNameOf(request.reference)}: not found` : message;
    throw new Rejection(code, `failed to resolve image: ${why}`, { cause: error });
  }
}

type Wanted = Pick<PullInto, 'platforms' | 'unpack'>;

function* fetchAll(source: Source, wanted: Wanted, target: Descriptor): Workflow<number> {
  if (isManifest(target.mediaType)) return yield* fetchOne(source, target, wanted.unpack.length > 0);
  if (!isIndex(target.mediaType)) {
    throw new Rejection(
      'unimplemented',
      `${imageNameOf(source.reference)} is '${target.mediaType}'; only OCI and Docker (schema 2) images can be pulled`,
    );
  }
  let bytes = yield* fetchContent(source, target, 'index');
  const index = yield* readDocument(target, ImageIndex);
  const chosen = choose(source, index, wanted.platforms);
  const unpacked = new Set(wanted.unpack.map((platform) => chooseManifest(index, platform)));
  const labels = indexLabels(index, chosen);
  yield* dispatch({ type: 'label-blob', namespace: source.namespace, digest: target.digest, labels });
  for (const at of chosen) {
    const descriptor = index.manifests[at];
    if (descriptor) bytes += yield* fetchOne(source, descriptor, unpacked.has(at));
  }
  return bytes;
}

/** Places in the index. @throws Rejection `not-found` where none fits */
const choose = (source: Source, index: ImageIndex, platforms: readonly Platform[]): readonly number[] => {
  const all = [...index.manifests.keys()].filter((at) => isManifest(index.manifests[at]?.mediaType ?? ''));
  if (platforms.length === 0) return all;
  const fitting = new Set(platforms.flatMap((platform) => chooseManifest(index, platform) ?? []));
  if (fitting.size > 0) return [...fitting];
  const has = index.manifests.flatMap(({ platform }) => (platform ? [platformText(platform)] : []));
  throw new Rejection(
    'not-found',
    `${imageNameOf(source.reference)} has no image for ${platforms.map(platformText).join(', ')}; it has ${has.join(', ') || 'none'}: not found`,
  );
};

function* fetchOne(source: Source, descriptor: Descriptor, unpack: boolean): Workflow<number> {
  const { namespace } = source;
  const own = yield* fetchContent(source, descriptor, 'manifest');
  const manifest = yield* readDocument(descriptor, ImageManifest);
  const labels = manifestLabels(manifest);
  yield* dispatch({ type: 'label-blob', namespace, digest: descriptor.digest, labels });
  const config = yield* fetchContent(source, manifest.config, 'config');
  if (unpack) {
    const document = yield* readDocument(manifest.config, ImageConfig);
    return own + config + (yield* bringAndUnpack(source, manifest, document, bringFrom(source)));
  }
  const layers = [...new Map(manifest.layers.map((layer) => [layer.digest, layer])).values()];
  const moved = yield* all(
    layers.map((layer) => fetchContent(source, layer, 'layer')),
    concurrentLayers,
  );
  return moved.reduce((sum, bytes) => sum + bytes, own + config);
}
