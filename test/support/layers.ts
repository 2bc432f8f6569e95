import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createMounter } from '../../src/adapters/overlay/mounter.ts';
import { createOverlayStore } from '../../src/adapters/overlay/store.ts';
import { createLayerApplier, type LayerApplierOptions } from '../../src/adapters/unpack/applier.ts';
import { SnapshotId } from '../../src/domain/identity.ts';
import type { AppliedLayer, ApplyOptions, NeedsParents } from '../../src/engine/ports/snapshots.ts';
import { makeTempDir } from './temp-dir.ts';

export const PLAIN_LAYER = 'application/vnd.oci.image.layer.v1.tar';
export const GZIP_LAYER = 'application/vnd.oci.image.layer.v1.tar+gzip';
export const ZSTD_LAYER = 'application/vnd.oci.image.layer.v1.tar+zstd';

/** A snapshot store with an applier and a mounter in a directory of its own, for tests that unpack. */
export const openUnpacking = (options: Partial<LayerApplierOptions> = {}, parent = '/var/tmp') => {
  const dir = makeTempDir('unpack', parent);
  const directory = join(dir.path, 'store');
  const store = createOverlayStore({ directory });
  const applier = createLayerApplier({ directory, ...options });
  const mounter = createMounter();
  let blobs = 0;

  const fsOf = (id: string) => join(directory, 'snapshots', id, 'fs');
  /** Writes the bytes to a file, and unpacks that into a fresh snapshot. */
  const apply = async (
    id: string,
    bytes: Buffer,
    how: ApplyOptions & { mediaType?: string } = {},
    blobDirectory = dir.path,
  ): Promise<AppliedLayer | NeedsParents> => {
    const path = join(blobDirectory, `blob-${id}-${blobs++}`);
    writeFileSync(path, bytes);
    await store.create(SnapshotId.parse(id), 'active');
    const into = SnapshotId.parse(id);
    const applied = await applier.apply({ path, mediaType: how.mediaType ?? PLAIN_LAYER }, into, how);
    await applier.settle([into]);
    return applied;
  };
  /** Mounts a chain of layers read-only, base first, runs `look`, and unmounts. */
  const seen = async <T>(ids: readonly string[], look: (root: string) => T): Promise<T> => {
    const target = join(dir.path, 'seen');
    mkdirSync(target, { recursive: true });
    const parents = [...ids].reverse().map((id) => SnapshotId.parse(id));
    await mounter.mount(store.mounts(SnapshotId.parse('viewer'), parents, false), target);
    try {
      return look(target);
    } finally {
      await mounter.unmount(target);
    }
  };
  return {
    path: dir.path,
    directory,
    store,
    applier,
    fsOf,
    apply,
    seen,
    close: async () => {
      await applier.close();
      dir.remove();
    },
  };
};
