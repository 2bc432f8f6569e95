import { type Blob, findBlob } from '../domain/content.ts';
import { Digest, type Namespace, type SnapshotKey, type SnapshotterName } from '../domain/identity.ts';
import type { Image } from '../domain/images.ts';
import { gcLabels } from '../domain/labels.ts';
import { ancestors, findSnapshot, type Snapshot } from '../domain/snapshots.ts';
import type { World } from '../domain/world.ts';

/** What an image is made of, as the labels on its blobs tell (containerd's clients set the same). */
export interface ImageTree {
  /** Absent where the target is a manifest itself. */
  readonly index?: Digest;
  /** The manifest that is here; of several the first that is whole, else the first. */
  readonly manifest?: Digest;
  /** Digest of the configuration: docker's image id. */
  readonly config?: Digest;
  /** Base first. */
  readonly layers: readonly Digest[];
  /** What the labels name and is not here. */
  readonly missing: readonly Digest[];
  /** Bytes of its content as stored, each blob once. */
  readonly contentSize: number;
  /** Bytes of its unpacked layers, of all snapshotters. */
  readonly unpackedSize: number;
  /** The topmost snapshot of each snapshotter that it is unpacked in. */
  readonly unpacked: readonly Snapshot[];
}

const CONTENT = gcLabels.content;

/** Digests under labels such as `….l.0`, `….l.1`, in the order of their numbers. */
const numbered = (blob: Blob, letter: 'l' | 'm'): readonly Digest[] =>
  Object.entries(blob.labels)
    .filter(([name]) => name.startsWith(`${CONTENT}.${letter}.`))
    .map(([name, value]) => [Number(name.slice(CONTENT.length + 3)), Digest.safeParse(value).data] as const)
    .sort(([a], [b]) => a - b)
    .flatMap(([, digest]) => digest ?? []);

interface Manifest {
  readonly blob: Blob;
  readonly config?: Digest;
  readonly layers: readonly Digest[];
}
const manifestOf = (blob: Blob): Manifest => {
  const config = Digest.safeParse(blob.labels[`${CONTENT}.config`]).data;
  return { blob, layers: numbered(blob, 'l'), ...(config === undefined ? {} : { config }) };
};

const partsOf = ({ config, layers }: Manifest): readonly Digest[] =>
  config === undefined ? layers : [config, ...layers];

const unpackedFrom = (world: World, namespace: Namespace, config: Blob | undefined): readonly Snapshot[] =>
  Object.entries(config?.labels ?? {})
    .filter(([name]) => name.startsWith(gcLabels.snapshot))
    .flatMap(([name, key]) => {
      const snapshotter = name.slice(gcLabels.snapshot.length).split('/', 1)[0] as SnapshotterName;
      return findSnapshot(world.snapshot, { namespace, snapshotter, key: key as SnapshotKey }) ?? [];
    });

export const imageTree = (world: World, image: Image): ImageTree => {
  const { namespace } = image;
  const find = (digest: Digest): Blob | undefined => findBlob(world.content, namespace, digest);
  const target = find(image.target.digest);
  const named = target ? numbered(target, 'm') : [];
  const manifests = (
    named.length === 0 && target ? [target] : named.flatMap((digest) => find(digest) ?? [])
  ).map(manifestOf);
  const chosen =
    manifests.find((one) => one.config !== undefined && partsOf(one).every(find)) ?? manifests[0];
  const parts = chosen ? partsOf(chosen) : [];
  const blobs = new Map<Digest, Blob>();
  for (const digest of [image.target.digest, ...(chosen ? [chosen.blob.digest] : []), ...parts]) {
    const blob = find(digest);
    if (blob) blobs.set(digest, blob);
  }
  const unpacked = unpackedFrom(
    world,
    namespace,
    chosen?.config === undefined ? undefined : find(chosen.config),
  );
  const snapshots = new Set(unpacked.flatMap((top) => [top, ...ancestors(world.snapshot, top)]));
  return {
    ...(target && named.length > 0 ? { index: target.digest } : {}),
    ...(chosen ? { manifest: chosen.blob.digest } : {}),
    ...(chosen?.config === undefined ? {} : { config: chosen.config }),
    layers: chosen?.layers ?? [],
    missing: [
      ...new Set([...(target ? [] : [image.target.digest]), ...parts.filter((digest) => !find(digest))]),
    ],
    contentSize: [...blobs.values()].reduce((sum, { size }) => sum + size, 0),
    unpackedSize: [...snapshots].reduce((sum, { usage }) => sum + (usage?.bytes ?? 0), 0),
    unpacked,
  };
};
