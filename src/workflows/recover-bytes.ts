import { findContainer } from '../domain/containers.ts';
import { blobSubject, ingestSubject, isHeld } from '../domain/content.ts';
import { type Snapshot, snapshotSubject } from '../domain/snapshots.ts';
import type { Command, World } from '../domain/world.ts';
import type { Found, Repair } from './repair.ts';
import { dispatch, perform } from './steps.ts';

const recovery = (because: string) => ({ by: 'recovery' as const, because });

/** Snapshot directories. */
export function* snapshotRepairs(world: World, found: Found): Generator<Repair> {
  const there = new Set(found.snapshots);
  for (const snapshot of world.snapshot.values()) {
    if (!there.delete(snapshot.id)) yield missingSnapshot(snapshot);
  }
  for (const id of there) {
    yield {
      divergence: {
        what: 'snapshot-unnamed',
        detail: `directory '${id}' belongs to no snapshot`,
        repair: 'removed',
      },
      mend: () => perform('remove-snapshot-bytes', { id }),
    };
  }
}

/** A record without bytes misleads: where nothing builds on it, it goes, so that the next pull unpacks it again. */
const missingSnapshot = (snapshot: Snapshot): Repair => {
  const { namespace, snapshotter, key, id, children } = snapshot;
  const divergence = {
    what: 'snapshot-missing' as const,
    subject: snapshotSubject(snapshot),
    detail: `its directory '${id}' is not on disk`,
    repair: children > 0 ? '' : 'forgotten, so that the next pull unpacks it again',
  };
  if (children > 0) return { divergence };
  const cause = recovery('its directory is not on disk');
  return {
    divergence,
    mend: () => dispatch({ type: 'remove-snapshot', namespace, snapshotter, key, cause }),
  };
};

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
      mend: () => perform('remove-blob-bytes', { digest }),
    };
  }
}

/** Unfinished writes: those that the log and the disk both have are kept for resuming. */
export function* ingestRepairs(world: World, found: Found): Generator<Repair> {
  const keyOf = ({ namespace, ref }: { namespace: string; ref: string }) => `${namespace}/${ref}`;
  const there = new Map(found.ingests.map((address) => [keyOf(address), address]));
  for (const { namespace, ref } of world.content.ingests.values()) {
    if (there.delete(keyOf({ namespace, ref }))) continue;
    const forget: Command = { type: 'abort-ingest', namespace, ref, cause: recovery('it had no bytes yet') };
    yield { mend: () => dispatch(forget) };
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
