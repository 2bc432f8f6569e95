import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { btrfsMissing, createBtrfsStore } from './adapters/btrfs-snapshots/store.ts';
import type { Config } from './adapters/config/schema.ts';
import { createLayerDiffer } from './adapters/diff/differ.ts';
import { createNativeStore } from './adapters/native-snapshots/store.ts';
import { canMapIds } from './adapters/overlay/idmap-support.ts';
import { createMounter } from './adapters/overlay/mounter.ts';
import { createOverlayStore } from './adapters/overlay/store.ts';
import { createTreeOpener } from './adapters/overlay/tree-opener.ts';
import { createRemoteDiffer, type RemoteDifferPlugin } from './adapters/proxy-plugins/differ.ts';
import { factsOf } from './adapters/proxy-plugins/plugin.ts';
import {
  createRemoteSnapshotter,
  type RemoteSnapshotterPlugin,
} from './adapters/proxy-plugins/snapshotter.ts';
import { createLayerApplier } from './adapters/unpack/applier.ts';
import { SnapshotterName } from './domain/identity.ts';
import { Rejection } from './domain/rejection.ts';
import type { Ports } from './engine/ports/ports.ts';
import type { ProxyFacts } from './engine/ports/proxy-facts.ts';
import type { SnapshotStore } from './engine/ports/snapshots.ts';

/** What keeps snapshots on a host, and layers in and out of them. */
export interface HostSnapshots {
  readonly ports: Pick<
    Ports,
    'snapshots' | 'snapshotters' | 'layers' | 'differ' | 'differs' | 'contents' | 'mounter'
  >;
  close(): Promise<void>;
}

const folder = (...parts: [string, ...string[]]): string => {
  const path = join(...parts);
  mkdirSync(path, { recursive: true, mode: 0o700 });
  return path;
};

const overlayIn = (config: Config): string => folder(config.root, 'overlayfs');

/** Whether snapshots can be shown under other ids. It takes a process to find out, which may run while the log is opened. */
export const askToRemapIds = (config: Config): Promise<boolean> => {
  const answer = canMapIds(overlayIn(config));
  // Whoever needs the answer is told; nobody may come to need it.
  answer.catch(() => undefined);
  return answer;
};

/** @param remapIds as {@link askToRemapIds} tells */
export const openHostSnapshots = async (
  config: Config,
  remapIds: Promise<boolean>,
): Promise<HostSnapshots> => {
  const directory = overlayIn(config);
  const overlay = createOverlayStore({ directory, remapIds: await remapIds });
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
  const absent = new Map<SnapshotterName, string>();
  const btrfs = SnapshotterName.parse('btrfs');
  const why = await btrfsMissing(config.root);
  if (why === undefined) local.set(btrfs, createBtrfsStore({ directory: folder(config.root, 'btrfs') }));
  else absent.set(btrfs, why);
  const elsewhere = proxies(config.proxy_plugins, local);
  return {
    ports: {
      snapshots: overlay,
      snapshotters: { local, remote: elsewhere.remote, absent },
      layers,
      differ,
      differs: elsewhere.differs,
      contents: elsewhere.contents,
      mounter,
    },
    close: async () => {
      for (const each of [...elsewhere.remote.values(), ...elsewhere.differs.values()]) each.close();
      await Promise.all([layers.close(), differ.close()]);
    },
  };
};

/**
 * What other daemons bring. Nothing is asked of them here: one that is down says so when it is used.
 * @throws Rejection `invalid-argument` for the name of a snapshotter that there is
 */
const proxies = (plugins: Config['proxy_plugins'], local: ReadonlyMap<SnapshotterName, SnapshotStore>) => {
  const contents = new Map<string, ProxyFacts>();
  const remote = new Map<SnapshotterName, RemoteSnapshotterPlugin>();
  const differs = new Map<string, RemoteDifferPlugin>();
  for (const [name, { type, platform, ...rest }] of Object.entries(plugins)) {
    const options = { name, ...rest, ...(platform === undefined ? {} : { platform }) };
    if (type === 'content') {
      if (name === 'content') {
        throw new Rejection(
          'invalid-argument',
          'proxy_plugins.content: there is a content store of that name already; choose another',
        );
      }
      contents.set(name, factsOf(options));
    } else if (type === 'diff') {
      differs.set(name, createRemoteDiffer(options));
    } else if (local.has(SnapshotterName.parse(name))) {
      throw new Rejection(
        'invalid-argument',
        `proxy_plugins.${name}: there is a snapshotter of that name already; choose another`,
      );
    } else remote.set(SnapshotterName.parse(name), createRemoteSnapshotter(options));
  }
  return { remote, differs, contents };
};
