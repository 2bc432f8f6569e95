import { findContainer } from '../domain/containers.ts';
import { blobSubject, ingestSubject, isHeld } from '../domain/content.ts';
import type { SnapshotId, SnapshotterName } from '../domain/identity.ts';
import {
  ancestors,
  findSnapshot,
  type Snapshot,
  type Snapshots,
  snapshotRefKey,
  snapshotSubject,
} from '../domain/snapshots.ts';
import type { World } from '../domain/world.ts';
import type { Found, Repair } from './repair.ts';
import { dispatch, look, perform, type Workflow } from './steps.ts';
import { overlayfs } from './unpack.ts';

const recovery = (because: string) => ({ by: 'recovery' as const, because });

/** Snapshot directories, of each snapshotter that keeps them on this host. */
export function* snapshotRepairs(world: World, found: Found): Generator<Repair> {
  for (const [snapshotter, ids] of found.snapshots) yield* repairsIn(world, snapshotter, ids, found.rebooted);
}

function* repairsIn(
  world: World,
  snapshotter: SnapshotterName,
  ids: readonly SnapshotId[],
  rebooted: boolean,
): Generator<Repair> {
  const there = new Set(ids);
  const named = [...world.snapshot.values()].filter((one) => one.snapshotter === snapshotter);
  const missing = named.filter(({ id }) => !there.delete(id));
  const gone = new Set(missing.map(({ id }) => id));
  for (const snapshot of missing) {
    const below = ancestors(world.snapshot, snapshot).map(({ id }) => id);
    const lost = rebooted && snapshotter === overlayfs && !below.some((id) => gone.has(id));
    yield lost && snapshot.kind !== 'committed'
      ? lostDirectory(snapshot, snapshot.kind, below)
      : missingSnapshot(world.snapshot, snapshot, gone);
  }
  for (const id of there) {
    yield {
      divergence: {
        what: 'snapshot-unnamed',
        detail: `directory '${id}' belongs to no snapshot`,
        repair: 'removed',
      },
      mend: () => perform('remove-snapshot-bytes', { snapshotter, id }),
    };
  }
}

/** What is written to is made without a sync: the power may have gone before anything in it was on the disk. */
const lostDirectory = (
  snapshot: Snapshot,
  kind: 'active' | 'view',
  parents: readonly SnapshotId[],
): Repair => ({
  divergence: {
    what: 'snapshot-missing',
    subject: snapshotSubject(snapshot),
    detail: `its directory '${snapshot.id}' is not on disk`,
    repair: 'made again, empty',
  },
  mend: () => perform('make-snapshot', { id: snapshot.id, kind, parents }),
});

/**
 * A record without bytes misleads: it goes, with the layers built on it, so that the next pull unpacks them again. It
 * stays where the root of a container is built on it: somebody has to look at that.
 */
const missingSnapshot = (all: Snapshots, snapshot: Snapshot, gone: ReadonlySet<SnapshotId>): Repair => {
  const spared = withDescendants(all, snapshot).some(({ id, kind }) => kind !== 'committed' && !gone.has(id));
  const divergence = {
    what: 'snapshot-missing' as const,
    subject: snapshotSubject(snapshot),
    detail: `its directory '${snapshot.id}' is not on disk`,
    repair: spared ? '' : 'forgotten, so that the next pull unpacks it again',
  };
  return spared ? { divergence } : { divergence, mend: () => forget(snapshot) };
};

/** A snapshot after all that is built on it. */
const withDescendants = (all: Snapshots, snapshot: Snapshot): readonly Snapshot[] => [
  ...(snapshot.children === 0 ? [] : [...all.values()])
    .filter(
      (one) =>
        one.parent === snapshot.key &&
        snapshotRefKey({ ...one, key: snapshot.key }) === snapshotRefKey(snapshot),
    )
    .flatMap((child) => withDescendants(all, child)),
  snapshot,
];

/** Removes the records of a snapshot and its descendants; those that another repair removed are gone by then. */
function* forget(missing: Snapshot): Workflow<void> {
  const { snapshot: all } = yield* look();
  const here = findSnapshot(all, missing);
  if (!here) return;
  const cause = recovery(`the directory '${missing.id}' is not on disk`);
  yield* dispatch(
    ...withDescendants(all, here).map(({ namespace, snapshotter, key }) => ({
      type: 'remove-snapshot' as const,
      ...{ namespace, snapshotter, key, cause },
    })),
  );
}

/** Blobs. */
export function* blobRepairs(world: World, found: Found): Generator<Repair> {
  const there = new Set(found.blobs);
  for (const { namespace, digest } of world.content.blobs.values()) {
    if (there.has(digest)) continue;
    yield {
      divergence: {
        what: 'blob-missing',
        subject: blobSubject(namespace, digest),
        detail: 'its bytes are not on disk',
        repair: 'forgotten, so that the next pull fetches it again',
      },
      mend: () =>
        dispatch({ type: 'remove-blob', namespace, digest, cause: recovery('its bytes are not on disk') }),
    };
  }
  for (const digest of there) {
    if (isHeld(world.content, digest)) continue;
    yield {
      divergence: { what: 'blob-unnamed', detail: `${digest} belongs to no namespace`, repair: 'removed' },
      mend: () => perform('remove-blob-bytes', { digests: [digest] }),
    };
  }
}

/** Unfinished writes: those that the log and the disk both have are kept for resuming. */
export function* ingestRepairs(world: World, found: Found): Generator<Repair> {
  const keyOf = ({ namespace, ref }: { namespace: string; ref: string }) => `${namespace}/${ref}`;
  const there = new Map(found.ingests.map((address) => [keyOf(address), address]));
  for (const { namespace, ref, digest } of world.content.ingests.values()) {
    // A crash between the last byte and the event leaves a whole blob, spared for as long as a write expects it.
    const whole = digest !== undefined && found.blobs.includes(digest);
    if (there.delete(keyOf({ namespace, ref })) && !whole) continue;
    const cause = recovery(
      whole ? 'its bytes were whole, but no event had named them' : 'it had no bytes yet',
    );
    yield {
      mend: function* () {
        yield* dispatch({ type: 'abort-ingest', namespace, ref, cause });
        if (whole) yield* perform('remove-blob-bytes', { digests: [digest] });
      },
    };
  }
  for (const { namespace, ref } of there.values()) {
    yield {
      divergence: {
        what: 'ingest-unnamed',
        subject: ingestSubject(namespace, ref),
        detail: `an unfinished write '${ref}' that no event names`,
        repair: 'removed',
      },
      mend: () => perform('discard-ingest', { namespace, ref }),
    };
  }
}

/** Output and secrets of containers. */
export function* fileRepairs(world: World, found: Found): Generator<Repair> {
  for (const { namespace, id } of found.files) {
    if (findContainer(world.container, namespace, id)) continue;
    yield {
      divergence: {
        what: 'files-unnamed',
        detail: `files of container '${namespace}/${id}', which does not exist`,
        repair: 'removed',
      },
      mend: () => perform('remove-container-files', { namespace, id }),
    };
  }
}
