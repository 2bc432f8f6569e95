import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from './adapters/config/schema.ts';
import { createLayerDiffer } from './adapters/diff/differ.ts';
import { createNativeStore } from './adapters/native-snapshots/store.ts';
import { createMounter } from './adapters/overlay/mounter.ts';
import { createOverlayStore } from './adapters/overlay/store.ts';
import { createTreeOpener } from './adapters/overlay/tree-opener.ts';
import { createLayerApplier } from './adapters/unpack/applier.ts';
import { SnapshotterName } from './domain/identity.ts';
import type { Ports } from './engine/ports/ports.ts';
import type { SnapshotStore } from './engine/ports/snapshots.ts';

/** What keeps snapshots on a host, and layers in and out of them. */
export interface HostSnapshots {
  readonly ports: Pick<Ports, 'snapshots' | 'snapshotters' | 'layers' | 'differ' | 'mounter'>;
  close(): Promise<void>;
}

const folder = (...parts: [string, ...string[]]): string => {
  const path = join(...parts);
  mkdirSync(path, { recursive: true, mode: 0o700 });
  return path;
};

export const openHostSnapshots = async (config: Config): Promise<HostSnapshots> => {
  const directory = folder(config.root, 'overlayfs');
  const overlay = createOverlayStore({ directory });
  const mounter = createMounter();
  const trees = createTreeOpener({ mounter, directory: folder(config.state, 'trees') });
  await trees.sweep();
  const layers = createLayerApplier({
    directory,
    trees,
    ...(config.unpack.workers === 0 ? {} : { workers: config.unpack.workers }),
    limits: { uncompressedBytes: config.unpack.max_layer_bytes, entries: config.unpack.max_entries },
    processors: Object.entries(config.stream_processors).map(([id, one]) => ({ id, ...one })),
  });
  const differ = createLayerDiffer({ trees });
  const local = new Map<SnapshotterName, SnapshotStore>([
    [SnapshotterName.parse('overlayfs'), overlay],
    [SnapshotterName.parse('native'), createNativeStore({ directory: folder(config.root, 'native') })],
  ]);
  return {
    ports: {
      snapshots: overlay,
      snapshotters: { local, remote: new Map(), absent: new Map() },
      layers,
      differ,
      mounter,
    },
    close: async () => {
      await Promise.all([layers.close(), differ.close()]);
    },
  };
};
