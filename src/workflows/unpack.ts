import type {
  Descriptor,
  DiffId,
  Digest,
  Labels,
  SnapshotId,
  SnapshotKey,
  SnapshotterName,
} from '../domain/identity.ts';
import { gcLabels, uncompressedLabel } from '../domain/labels.ts';
import type { ImageConfig, ImageManifest } from '../domain/oci-image.ts';
import { Rejection } from '../domain/rejection.ts';
import { ancestors, findSnapshot, type SnapshotRef } from '../domain/snapshots.ts';
import type { Command } from '../domain/world.ts';
import type { BroughtLayer, Hold, Into } from './documents.ts';
import type { Applied } from './effects.ts';
import { all, dispatch, look, perform, type Workflow } from './steps.ts';

/** Layers on their way at once; unpacking has as many hands as the layer applier gives it. */
const concurrentLayers = 4;

export const overlayfs = 'overlayfs' as SnapshotterName;

/** One layer on its way to being a committed snapshot. */
export interface Layer {
  readonly descriptor: Descriptor;
  readonly diffId: DiffId;
  readonly chainId: SnapshotKey;
  readonly parent: SnapshotKey | undefined;
}

type Extracted =
  | {
      readonly layer: Layer;
      readonly key: SnapshotKey;
      readonly id: SnapshotId;
      readonly applied: Applied | 'needs-parents';
    }
  | { readonly layer: Layer; readonly key: undefined };

/**
 * Sees to it that a layer is in the namespace, with these labels; unpacks it on the way where it can.
 * @param into absent where it is unpacked already
 */
export type BringLayer = (layer: Descriptor, labels: Labels, into?: Into) => Workflow<BroughtLayer>;

/**
 * Brings every layer of a manifest and makes it a committed snapshot named by its chainID. Layers are brought and
 * extracted side by side, the largest first, each into a directory of its own; they are committed in order, in one batch,
 * once all are on stable storage. A layer that builds on what is below it (a hard link down, a path through a lower symlink) is extracted
 * once its parents are there.
 * @returns bytes moved
 */
export function* bringAndUnpack(
  hold: Hold,
  manifest: ImageManifest,
  config: ImageConfig,
  bring: BringLayer,
): Workflow<number> {
  const layers = yield* layersOf(manifest, config);
  let moved = 0;
  const branch = function* (layer: Layer): Workflow<Extracted> {
    const labels = { [uncompressedLabel]: layer.diffId };
    const prepared = yield* prepare(hold, layer);
    if (prepared === undefined) {
      moved += (yield* bring(layer.descriptor, labels)).moved;
      return { layer, key: undefined };
    }
    const into = { into: prepared.id, ...(layer.parent === undefined ? { parents: [] } : {}) };
    const brought = yield* bring(layer.descriptor, labels, into);
    moved += brought.moved;
    const applied = brought.applied ?? (yield* perform('apply-layer', { layer: layer.descriptor, ...into }));
    return { layer, ...prepared, applied: checked(layer, applied) };
  };
  const extracted = yield* all(largestFirst(layers).map(branch), concurrentLayers);
  const placeOf = new Map(layers.map((layer, place) => [layer, place]));
  yield* commitInOrder(
    hold,
    extracted.toSorted((one, other) => (placeOf.get(one.layer) ?? 0) - (placeOf.get(other.layer) ?? 0)),
  );
  const top = layers.at(-1);
  if (top) {
    const labels = { [`${gcLabels.snapshot}${overlayfs}`]: top.chainId };
    yield* dispatch({
      type: 'label-blob',
      namespace: hold.namespace,
      digest: manifest.config.digest,
      labels,
    });
  }
  return moved;
}

/** A large one that came last would leave the other hands without work, and its bytes the longest to sync. */
const largestFirst = (layers: readonly Layer[]): readonly Layer[] =>
  layers.toSorted((one, other) => other.descriptor.size - one.descriptor.size);

/** @throws Rejection `failed-precondition` where configuration and manifest are of different lengths */
export function* layersOf(manifest: ImageManifest, config: ImageConfig): Workflow<readonly Layer[]> {
  const diffIds = config.rootfs.diff_ids;
  if (diffIds.length !== manifest.layers.length) {
    throw new Rejection(
      'failed-precondition',
      `the configuration ${manifest.config.digest} has ${diffIds.length} diffIDs for ${manifest.layers.length} layers`,
    );
  }
  const chainIds = yield* perform('chain-ids', { diffIds });
  return manifest.layers.map((descriptor, at) => ({
    descriptor,
    diffId: diffIds[at] as DiffId,
    chainId: chainIds[at] as SnapshotKey,
    parent: at === 0 ? undefined : chainIds[at - 1],
  }));
}

const refOf = ({ namespace }: Hold, key: SnapshotKey): SnapshotRef => ({
  namespace,
  snapshotter: overlayfs,
  key,
});

/** A fresh snapshot to extract a layer into; undefined where it is extracted already, which is taken hold of. */
function* prepare(
  hold: Hold,
  layer: Layer,
): Workflow<{ readonly key: SnapshotKey; readonly id: SnapshotId } | undefined> {
  const { namespace, lease } = hold;
  if (findSnapshot((yield* look()).snapshot, refOf(hold, layer.chainId))) {
    const resource = { type: `snapshots/${overlayfs}`, id: layer.chainId };
    yield* dispatch({ type: 'add-lease-resource', namespace, id: lease, resource });
    return undefined;
  }
  const id = (yield* perform('fresh-name', { kind: 'brief' })) as SnapshotId;
  const key = `extract-${id} ${layer.chainId}` as SnapshotKey;
  yield* perform('make-snapshot', { id, kind: 'active' });
  yield* dispatch({ type: 'prepare-snapshot', ...refOf(hold, key), id, kind: 'active', labels: {}, lease });
  return { key, id };
}

const checked = (
  { descriptor, diffId }: Layer,
  applied: Applied | 'needs-parents',
): Applied | 'needs-parents' => {
  if (applied !== 'needs-parents' && applied.diffId !== diffId)
    throw wrongDiffId(descriptor.digest, diffId, applied);
  return applied;
};

const wrongDiffId = (layer: Digest, wanted: DiffId, { diffId }: Applied) =>
  new Rejection(
    'failed-precondition',
    `layer ${layer} unpacks to ${diffId}, but the image's configuration says ${wanted}; the image is broken`,
  );

function* commitInOrder(hold: Hold, extracted: readonly Extracted[]): Workflow<void> {
  let ids: SnapshotId[] = [];
  let ready: Command[] = [];
  const flush = function* (): Workflow<void> {
    if (ready.length === 0) return;
    yield* perform('settle-layers', { ids });
    yield* dispatch(...ready);
    [ids, ready] = [[], []];
  };
  for (const one of extracted) {
    if (one.key === undefined) continue;
    let { applied } = one;
    if (applied === 'needs-parents') {
      yield* flush();
      const parents = yield* idsBelow(hold, one.layer);
      const { descriptor } = one.layer;
      applied = checked(
        one.layer,
        yield* perform('apply-layer', { layer: descriptor, into: one.id, parents }),
      );
    }
    if (applied === 'needs-parents') {
      throw new Rejection(
        'internal',
        `layer ${one.layer.descriptor.digest} asks for parents that it was given`,
      );
    }
    ids.push(one.id);
    ready.push(...(yield* commitment(hold, one.layer, one.key, applied)));
  }
  yield* flush();
}

/** The commands that name an extracted layer; where another pull was first, those that let go of it again. */
function* commitment(
  hold: Hold,
  layer: Layer,
  key: SnapshotKey,
  applied: Applied,
): Workflow<readonly Command[]> {
  const { namespace, lease } = hold;
  if (findSnapshot((yield* look()).snapshot, refOf(hold, layer.chainId))) {
    const resource = { type: `snapshots/${overlayfs}`, id: layer.chainId };
    return [
      { type: 'add-lease-resource', namespace, id: lease, resource },
      { type: 'remove-snapshot', ...refOf(hold, key), cause: { by: 'request' } },
    ];
  }
  const parent = layer.parent === undefined ? {} : { parent: layer.parent };
  const { usage } = applied;
  return [
    {
      type: 'commit-snapshot',
      ...refOf(hold, key),
      name: layer.chainId,
      ...parent,
      usage,
      labels: {},
      lease,
    },
  ];
}

function* idsBelow(hold: Hold, { parent }: Layer): Workflow<readonly SnapshotId[]> {
  if (parent === undefined) return [];
  const { snapshot } = yield* look();
  const below = findSnapshot(snapshot, refOf(hold, parent));
  return below ? [below.id, ...ancestors(snapshot, below).map(({ id }) => id)] : [];
}
