import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Client, credentials, Metadata } from '@grpc/grpc-js';
import { createArchives } from '../../src/adapters/archive/archives.ts';
import { createBlobStore } from '../../src/adapters/blobs/store.ts';
import { createProcessImages } from '../../src/adapters/criu/image-files.ts';
import { createLayerDiffer } from '../../src/adapters/diff/differ.ts';
import { serve } from '../../src/adapters/grpc/serve.ts';
import { createClock } from '../../src/adapters/linux/clock.ts';
import { sha256 } from '../../src/adapters/linux/host.ts';
import { createNames } from '../../src/adapters/linux/names.ts';
import { memoryLog } from '../../src/adapters/log-memory/memory-log.ts';
import { createNativeStore } from '../../src/adapters/native-snapshots/store.ts';
import { createMountFolders } from '../../src/adapters/overlay/mount-folders.ts';
import { createMounter } from '../../src/adapters/overlay/mounter.ts';
import { createOverlayStore } from '../../src/adapters/overlay/store.ts';
import { createTreeOpener } from '../../src/adapters/overlay/tree-opener.ts';
import { createRegistry } from '../../src/adapters/registry/registry.ts';
import { createSandboxShims } from '../../src/adapters/shim/sandboxes.ts';
import { createLayerApplier } from '../../src/adapters/unpack/applier.ts';
import type { StreamProcessor } from '../../src/adapters/unpack/stream-processors.ts';
import type { ServiceDescriptor } from '../../src/client/grpc-service.ts';
import { type ServiceClient, serviceClient } from '../../src/client/service-client.ts';
import { Collector } from '../../src/engine/collector.ts';
import { Ledger } from '../../src/engine/ledger.ts';
import { MountKeeper } from '../../src/engine/mount-keeper.ts';
import { daemonActor } from '../../src/engine/origin.ts';
import { Removals } from '../../src/engine/performers/removals.ts';
import type { Log } from '../../src/engine/ports/log.ts';
import type { Mounter } from '../../src/engine/ports/mounts.ts';
import type { Ports } from '../../src/engine/ports/ports.ts';
import type { Runtime } from '../../src/engine/ports/runtime.ts';
import type { Snapshotters } from '../../src/engine/ports/snapshotters.ts';
import { RestartMonitor } from '../../src/engine/restart-monitor.ts';
import { SandboxKeeper } from '../../src/engine/sandbox-keeper.ts';
import { storeOf } from '../../src/engine/store/store.ts';
import { Supervisor } from '../../src/engine/supervisor.ts';
import { fakeApi, keptLogger } from './fake-api.ts';
import { FakeRuntime } from './fake-runtime.ts';
import { localSnapshotters } from './snapshotters.ts';
import { makeTempDir } from './temp-dir.ts';

export interface ContainerdHeaders {
  readonly namespace?: string;
  /** One lease, or several: the first is the one that counts. */
  readonly lease?: string | readonly string[];
  /** Position from which events are told. */
  readonly from?: bigint;
}

/** Calls one of containerd's services as its own clients do. */
export const containerdClient = <S extends ServiceDescriptor>(
  address: string,
  service: S,
  { namespace = 'default', lease, from }: ContainerdHeaders = {},
): ServiceClient<S> & { close(): void } => {
  const grpc = new Client(`unix://${address}`, credentials.createInsecure(), {
    'grpc.use_local_subchannel_pool': 1,
  });
  const metadata = new Metadata();
  if (namespace !== '') metadata.set('containerd-namespace', namespace);
  for (const one of [lease ?? []].flat()) metadata.add('containerd-lease', one);
  if (from !== undefined) metadata.set('shiplog-from-position', String(from));
  const methods = serviceClient({ grpc, address, metadata }, service);
  return { ...methods, close: () => grpc.close() };
};

/** What a store may have besides. */
export interface StoreOptions {
  readonly processors?: readonly StreamProcessor[];
  /** Snapshotters of other daemons. */
  readonly remote?: Snapshotters['remote'];
  readonly differs?: Ports['differs'];
  readonly contents?: Ports['contents'];
  /** Another name for `native`, for a store that is another's proxy plugin. */
  readonly snapshotter?: string;
  /** Another name for `overlayfs`, likewise. */
  readonly overlay?: string;
}

/** A ledger in memory, and what a store over it is made of; bytes stand below `directory`. */
const partsOver = async (
  directory: string,
  {
    processors = [],
    remote = new Map(),
    differs = new Map(),
    contents = new Map(),
    snapshotter = 'native',
    overlay = 'overlayfs',
  }: StoreOptions = {},
) => {
  const clock = createClock('boot-1');
  const log = memoryLog();
  const ledger = await Ledger.open(log, clock);
  const names = createNames();
  const blobs = createBlobStore({ directory: join(directory, 'content') });
  const bytes = join(directory, 'overlayfs');
  mkdirSync(bytes, { recursive: true });
  const snapshots = createOverlayStore({ directory: bytes, features: ['index=off'] });
  const native = join(directory, 'native');
  mkdirSync(native, { recursive: true });
  const snapshotters = {
    ...localSnapshotters({ [overlay]: snapshots, [snapshotter]: createNativeStore({ directory: native }) }),
    remote,
  };
  const mounter = createMounter();
  const trees = createTreeOpener({ mounter, directory: join(directory, 'trees') });
  const layers = createLayerApplier({ directory: bytes, trees, workers: 1, processors });
  const differ = createLayerDiffer({ trees });
  const actor = daemonActor(process.pid, process.execPath);
  const options = { actor, delay: 0, interval: 60_000 };
  const collector = new Collector(ledger, clock, names, keptLogger().logger, options);
  const processes = new FakeRuntime();
  const runtime = processes.port as Runtime;
  const archives = createArchives();
  const registry = createRegistry({ env: {}, retry: { tries: 1 } });
  const removals = new Removals(blobs, ledger);
  const platform = { os: 'linux', architecture: 'amd64' };
  const host = { rootOf: () => '/nowhere', platform, sha256 };
  const stores = { archives, blobs, clock, host, layers, names, registry, snapshots, snapshotters };
  const runner = processes.runner(ledger, stores as unknown as Partial<Ports>, removals);
  const { logger } = keptLogger();
  const supervisor = new Supervisor(ledger, runner, runtime, logger, actor);
  supervisor.start();
  const sandboxShims = createSandboxShims({
    stateDirectory: join(directory, 'run'),
    address: join(directory, 'shiplog.sock'),
    ttrpcAddress: join(directory, 'shims.sock'),
    logger,
    timeouts: { shutdown: 1000, connect: 1000 },
  });
  const folders = createMountFolders({ root: join(directory, 'mounts'), open: [directory] });
  const mounts = new MountKeeper({ ledger, mounter, folders, clock, names, logger });
  await mounts.recover({ actor, correlation: 'start' });
  return {
    processes,
    runner,
    log,
    ledger,
    ports: {
      archives,
      blobs,
      clock,
      contents,
      differ,
      differs,
      layers,
      log,
      logger,
      names,
      runtime,
      snapshots,
      snapshotters,
    },
    collector,
    removals,
    registry,
    sandboxes: new SandboxKeeper(ledger, sandboxShims, clock, logger),
    mounts,
    mounter,
    processImages: createProcessImages(join(directory, 'checkpoints')),
    about: {
      pid: process.pid,
      pidNamespace: 1n,
      platform,
      overlayDirectory: bytes,
      describeRuntime: async (runtime: string, options: unknown) => ({
        typeUrl: 'containerd.types.RuntimeInfo',
        base64: Buffer.from(`${runtime} ${JSON.stringify(options)}`).toString('base64'),
      }),
    },
  };
};

/** A store over a ledger in memory, for servers that are asked about other things. */
export const someStore = async (directory: string) => ({
  store: storeOf(await partsOver(directory)),
  build: { version: '0.0.0', revision: '' },
});

export interface ServedStore {
  readonly address: string;
  readonly ledger: Ledger;
  readonly log: Log;
  readonly mounts: MountKeeper;
  readonly mounter: Mounter;
  /** What runs the tasks. */
  readonly processes: FakeRuntime;
  /** Looks when it is told to. */
  readonly restarts: RestartMonitor;
  client<S extends ServiceDescriptor>(service: S, headers?: ContainerdHeaders): ServiceClient<S>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** containerd's services on a real socket over a ledger in memory, without stores or processes. */
export const servedStore = async (options: StoreOptions = {}): Promise<ServedStore> => {
  const temp = makeTempDir('store');
  const address = `${temp.path}/shiplog.sock`;
  const parts = await partsOver(temp.path, options);
  const { log, ledger, processes } = parts;
  const store = storeOf(parts);
  const server = await serve({
    address,
    api: fakeApi().api,
    store,
    build: { version: '0.0.0', revision: '' },
    names: createNames(),
    logger: keptLogger().logger,
  });
  const clients: { close(): void }[] = [];
  return {
    address,
    ledger,
    log,
    processes,
    mounts: parts.mounts,
    mounter: parts.mounter,
    restarts: new RestartMonitor(ledger, store, parts.ports.names, keptLogger().logger, {
      actor: daemonActor(process.pid, process.execPath),
      interval: 60_000,
    }),
    client: (service, headers) => {
      const client = containerdClient(address, service, headers);
      clients.push(client);
      return client;
    },
    [Symbol.asyncDispose]: async () => {
      for (const client of clients) client.close();
      await server.close();
      await Promise.all([parts.registry.close(), parts.ports.layers.close(), parts.ports.differ.close()]);
      temp.remove();
    },
  };
};
