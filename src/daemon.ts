import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { createArchives } from './adapters/archive/archives.ts';
import { createBlobStore } from './adapters/blobs/store.ts';
import { createExpressions } from './adapters/cel/expressions.ts';
import { openCheckpoints } from './adapters/checkpoints/directory.ts';
import type { Config } from './adapters/config/schema.ts';
import { serve } from './adapters/grpc/serve.ts';
import { bootId, createClock } from './adapters/linux/clock.ts';
import { createContainerFiles } from './adapters/linux/container-files.ts';
import { createHostInspector, hostPlatform, pidNamespace, sha256 } from './adapters/linux/host.ts';
import { createNames } from './adapters/linux/names.ts';
import { createProcessTable } from './adapters/linux/processes.ts';
import { createLogInspector } from './adapters/log-file/inspector.ts';
import { createMounter } from './adapters/overlay/mounter.ts';
import { createOverlayStore } from './adapters/overlay/store.ts';
import { createRegistry } from './adapters/registry/registry.ts';
import { createSpecifications } from './adapters/runc/specifications.ts';
import { createShimRuntime } from './adapters/shim/runtime.ts';
import { holderEntry } from './adapters/stdio/holder-entry.ts';
import { createContainerLogs } from './adapters/stdio/log-reader.ts';
import { createStdio } from './adapters/stdio/stdio.ts';
import { createTreeHeads } from './adapters/tree-heads/tree-heads.ts';
import { createLayerApplier } from './adapters/unpack/applier.ts';
import type { Rejection } from './domain/rejection.ts';
import { apiOf } from './engine/api/api.ts';
import { proofsApi } from './engine/api/proofs.ts';
import { Collector } from './engine/collector.ts';
import { Keeping } from './engine/keeping.ts';
import { Ledger } from './engine/ledger.ts';
import { Notary } from './engine/notary.ts';
import { daemonActor } from './engine/origin.ts';
import { Removals } from './engine/performers/removals.ts';
import { performersOf } from './engine/performers.ts';
import type { Logger } from './engine/ports/logger.ts';
import type { Ports } from './engine/ports/ports.ts';
import type { TaskKey } from './engine/ports/task-key.ts';
import { recover } from './engine/recover.ts';
import { SavedViews } from './engine/saved-views.ts';
import { storeOf } from './engine/store/store.ts';
import { Supervisor } from './engine/supervisor.ts';
import { Timeline } from './engine/timeline.ts';
import { WorkflowRunner } from './engine/workflow-runner.ts';
import { openLogHome } from './log-home.ts';

export interface DaemonOptions {
  readonly config: Config;
  readonly logger: Logger;
  readonly version: string;
  readonly revision: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Told when another daemon has taken over this host's log: nothing can be recorded any more. */
  readonly onFencedOut: (reason: Rejection) => void;
}

export interface Daemon {
  /** Finishes what is under way and lets go of everything; containers run on. */
  stop(because: string): Promise<void>;
}

/** Builds the whole daemon, from the log up, and serves. */
export const startDaemon = async (options: DaemonOptions): Promise<Daemon> => {
  const { config, logger, version, revision } = options;
  mkdirSync(config.root, { recursive: true, mode: 0o700 });
  mkdirSync(config.state, { recursive: true, mode: 0o711 });
  const boot = bootId();
  const clock = createClock(boot);
  const logDirectory = join(config.root, 'log');
  const { onFencedOut } = options;
  const home = await openLogHome({ config, directory: logDirectory, clock, logger, onFencedOut });
  const { log } = home;
  const found = log.durable;
  const checkpoints = await openCheckpoints(join(config.root, 'checkpoints'));
  const saved = new SavedViews(log, checkpoints, clock, logger, {
    every: config.checkpoints.every_events,
    maxBytes: config.checkpoints.max_bytes,
  });
  const ledger = await Ledger.open(log, clock, saved);
  const timeline = new Timeline(log, ledger, saved);
  const actor = daemonActor(process.pid, process.execPath);
  const names = createNames();
  const heads = createTreeHeads({
    directory: logDirectory,
    keysDirectory: join(config.root, 'keys'),
    leaves: home.leaves,
    horizon: () => log.horizon,
  });
  const notary = new Notary({ log, ledger, heads, clock, names, logger }, { actor, ...config.tree_heads });
  const keeping = new Keeping({
    log,
    ledger,
    keeper: home.keeper,
    views: {
      below: (at) => saved.below(at),
      keep: (views) => saved.keep(views),
      forget: async (above) => {
        timeline.forget(above);
        await saved.forget(above);
      },
    },
    heads: notary,
    ...(home.copy === undefined ? {} : { copy: home.copy }),
  });
  await keeping.finish();
  const lastBoot = ledger.head.world.host.boot;

  const registry = createRegistry({
    env: options.env,
    hostsDirectory: config.registry.config_path,
    ...(config.registry.docker_config === '' ? {} : { dockerConfigPath: config.registry.docker_config }),
    log: (message) => logger.info(message),
    userAgent: `shiplog/${version}`,
    limits: { stallMs: config.registry.stall_timeout },
    retry: { tries: config.registry.retries + 1 },
  });
  const stdio = createStdio({
    directory: join(config.state, 'stdio'),
    entry: holderEntry(),
    idleMs: holderIdle,
  });
  const runtime = await createShimRuntime({
    stateDirectory: config.state,
    address: config.grpc.address,
    ttrpcAddress: `${config.grpc.address}.ttrpc`,
    specification: createSpecifications(),
    runtimeBinary: config.runtimes.binary,
    logger,
    clock,
    timeouts: {
      shimStart: config.timeouts.shim_start,
      create: config.timeouts.shim_start,
      call: config.timeouts.shim,
      probe: config.timeouts.probe,
    },
  });
  const snapshots = join(config.root, 'overlayfs');
  const containers = join(config.root, 'containers');
  const rootsDirectory = join(config.state, 'roots');
  mkdirSync(snapshots, { recursive: true, mode: 0o700 });
  const ports: Ports = {
    log,
    clock,
    names,
    blobs: createBlobStore({
      directory: join(config.root, 'content'),
      warn: (message) => logger.warn(message),
    }),
    snapshots: createOverlayStore({ directory: snapshots }),
    layers: createLayerApplier({
      directory: snapshots,
      ...(config.unpack.workers === 0 ? {} : { workers: config.unpack.workers }),
      limits: {
        uncompressedBytes: config.unpack.max_layer_bytes,
        entries: config.unpack.max_entries,
      },
    }),
    mounter: createMounter(),
    registry,
    archives: createArchives(),
    runtime,
    stdio,
    containerLogs: createContainerLogs(),
    containerFiles: createContainerFiles(containers),
    processes: createProcessTable(),
    logInspector: createLogInspector(logDirectory),
    hostInspector: createHostInspector(config.runtimes.binary),
    expressions: createExpressions(),
    logger,
    host: {
      platform: hostPlatform(),
      boot,
      sha256,
      rootsDirectory,
      rootOf: ({ namespace, id }: TaskKey) => join(rootsDirectory, namespace, id),
      logOf: ({ namespace, id }: TaskKey) => ({
        path: join(containers, namespace, id, 'container.log'),
        maxBytes: config.container_logs.max_bytes,
        maxFiles: config.container_logs.max_files,
      }),
    },
  };

  const removals = new Removals(ports.blobs, ledger);
  const runner = new WorkflowRunner(ledger, performersOf(ports, ledger, removals));
  const supervisor = new Supervisor(ledger, runner, runtime, logger, actor);
  const { delay, interval } = config.gc;
  const collector = new Collector(ledger, clock, names, logger, { actor, delay, interval });
  const cause = { actor, correlation: names.sortable() };
  const { freshHostId } = home;
  await ledger.dispatch([{ type: 'start-daemon', version, freshHostId, pid: process.pid }], cause);
  home.begin(ledger.head.world.host.hostId);
  supervisor.start();
  const rebooted = lastBoot !== '' && lastBoot !== boot;
  await recover({ ledger, ports, runner, supervisor, cause, rebooted });
  collector.start();
  await notary.start(found);
  const about = {
    version,
    revision,
    root: config.root,
    state: config.state,
    pid: process.pid,
    defaultRuntime: { name: config.runtimes.default, binary: config.runtimes.binary },
  };
  const copy = home.copy === undefined ? {} : { logCopy: home.copy };
  const api = apiOf({
    ports,
    ledger,
    runner,
    collector,
    timeline,
    keeping,
    about,
    heads,
    proofs: proofsApi({ log, ledger, heads, notary, leaves: home.leaves, timeline, program: version }),
    ...copy,
  });
  const server = await serve({
    address: config.grpc.address,
    api,
    store: storeOf({
      ledger,
      ports,
      runner,
      collector,
      removals,
      about: {
        pid: process.pid,
        pidNamespace: pidNamespace(),
        platform: ports.host.platform,
        overlayDirectory: snapshots,
      },
    }),
    build: { version, revision },
    names,
    logger,
  });
  const metrics =
    config.metrics.address === ''
      ? undefined
      : await (await import('./adapters/metrics/serve.ts')).serveMetrics(
          config.metrics.address,
          async () => ({
            counts: await api.system.counts({ at: { position: ledger.durable.world.position } }),
            log: {
              head: log.head,
              durable: log.durable,
              horizon: log.horizon,
              bytes: await ports.logInspector.bytes(),
            },
            ...(home.copy === undefined ? {} : { copy: await home.copy.status() }),
          }),
          logger,
        );
  saved.follow(ledger);
  // After the first callers, who need the processor now.
  const warming = setTimeout(() => {
    saved.started(ledger.durable);
    stdio.warm().catch((error: unknown) => {
      logger.warn('the holder of streams did not start; the next container tries again', { error });
    });
  }, holderDelay).unref();

  return {
    stop: async (because) => {
      clearTimeout(warming);
      await Promise.all([server.close(config.timeouts.shutdown), metrics?.close()]);
      collector.stop();
      await supervisor.stop();
      await ledger.dispatch([{ type: 'stop-daemon', because }], { actor, correlation: names.sortable() });
      await notary.stop();
      await runtime.close();
      stdio.disconnect();
      await Promise.all([registry.close(), ports.layers.close()]);
      await saved.close(ledger.durable);
      await home.close();
    },
  };
};

/** Milliseconds after the start until the holder of streams is started ahead of need. */
const holderDelay = 500;
/** Milliseconds that the holder of streams stays without streams and without a daemon. */
const holderIdle = 5000;
