import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from './adapters/config/schema.ts';
import { createProcessImages } from './adapters/criu/image-files.ts';
import { serveForwarding } from './adapters/grpc/containerd/events-ttrpc.ts';
import { serve } from './adapters/grpc/serve.ts';
import { bootId, createClock } from './adapters/linux/clock.ts';
import { pidNamespace } from './adapters/linux/host.ts';
import { createNames } from './adapters/linux/names.ts';
import { describeRuntime } from './adapters/shim/describe.ts';
import { Rejection } from './domain/rejection.ts';
import { apiOf } from './engine/api/api.ts';
import { proofsApi } from './engine/api/proofs.ts';
import { Collector } from './engine/collector.ts';
import { MountKeeper } from './engine/mount-keeper.ts';
import { daemonActor } from './engine/origin.ts';
import { Removals } from './engine/performers/removals.ts';
import { performersOf } from './engine/performers.ts';
import type { Logger } from './engine/ports/logger.ts';
import { readAhead } from './engine/read-ahead.ts';
import { recover } from './engine/recover.ts';
import { RestartMonitor } from './engine/restart-monitor.ts';
import { SandboxKeeper } from './engine/sandbox-keeper.ts';
import { disablingWarnings, requirePlugins, restartPlugin } from './engine/store/plugins.ts';
import { storeOf } from './engine/store/store.ts';
import { Supervisor } from './engine/supervisor.ts';
import { WorkflowRunner } from './engine/workflow-runner.ts';
import { openHostPorts } from './host-ports.ts';
import { openHostRecord } from './host-record.ts';
import { askToRemapIds } from './host-snapshots.ts';

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
  const names = createNames();
  const actor = daemonActor(process.pid, process.execPath);
  const remapIds = askToRemapIds(config);
  const logDirectory = join(config.root, 'log');
  const record = await openHostRecord({
    config,
    directory: logDirectory,
    clock,
    names,
    logger,
    actor,
    onFencedOut: options.onFencedOut,
  });
  const { home, saved, ledger, timeline, heads, notary, keeping, found } = record;
  const { log } = home;
  const lastBoot = ledger.head.world.host.boot;
  const { env } = options;
  const host = await openHostPorts({
    ...{ config, log, logDirectory, clock, names, logger, boot, version, env, remapIds },
  });
  const { ports } = host;

  const removals = new Removals(ports.blobs, ledger);
  const runner = new WorkflowRunner(ledger, performersOf(ports, ledger, removals));
  const supervisor = new Supervisor(ledger, runner, ports.runtime, logger, actor);
  const { delay, interval } = config.gc;
  const collector = new Collector(ledger, clock, names, logger, { actor, delay, interval });
  const cause = { actor, correlation: names.sortable() };
  const { freshHostId } = home;
  const from = ledger.head.world.position;
  await ledger.dispatch([{ type: 'start-daemon', version, freshHostId, pid: process.pid }], cause);
  home.begin(ledger.head.world.host.hostId);
  supervisor.start();
  const rebooted = lastBoot !== '' && lastBoot !== boot;
  await recover({ ledger, ports, runner, supervisor, cause, rebooted });
  const sandboxes = new SandboxKeeper(ledger, host.sandboxShims, clock, logger);
  const { mounter } = ports;
  const mounts = new MountKeeper({ ledger, mounter, folders: host.mountFolders, clock, names, logger });
  await Promise.all([sandboxes.recover(cause), mounts.recover(cause)]);
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
  const stopping = new AbortController();
  const store = storeOf({
    ledger,
    ports,
    runner,
    collector,
    removals,
    sandboxes,
    mounts,
    about: {
      pid: process.pid,
      pidNamespace: pidNamespace(),
      platform: ports.host.platform,
      overlayDirectory: host.overlayDirectory,
      disabledPlugins: config.plugins.disabled,
      describeRuntime,
    },
    processImages: createProcessImages(join(config.state, 'checkpoints')),
    stopping: stopping.signal,
    ...(lastBoot === boot ? { interruption: { from, until: clock.now().mono + comingBack } } : {}),
  });
  const plugins = store.introspection.plugins([]);
  requirePlugins(plugins, config.plugins.required);
  for (const warning of disablingWarnings(plugins, config.plugins.disabled)) logger.warn(warning);
  const forwarding = await serveForwarding(
    config.ttrpc.address || `${config.grpc.address}.ttrpc`,
    store.events,
  );
  const server = await serve({
    address: config.grpc.address,
    owner: { uid: config.grpc.uid, gid: config.grpc.gid },
    messageBytes: {
      receive: config.grpc.max_recv_message_bytes,
      send: config.grpc.max_send_message_bytes,
    },
    api,
    store,
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
  const restarts = new RestartMonitor(ledger, store, names, logger, {
    actor,
    interval: config.restart.interval,
  });
  if (!config.plugins.disabled.includes(restartPlugin)) restarts.start();
  saved.follow(ledger);
  // In other daemons, which may be slow or down: nobody waits for it.
  void store.snapshots.sweepElsewhere({ cause });
  // After the first callers, who need the processor now.
  const warming = setTimeout(() => {
    saved.started(ledger.durable);
    void readAhead(ledger.durable, stopping.signal);
    host.warm().catch((error: unknown) => {
      logger.warn('the holder of streams did not start; the next container tries again', { error });
    });
  }, holderDelay).unref();

  return {
    stop: async (because) => {
      clearTimeout(warming);
      const closed = Promise.all([
        server.close(config.timeouts.shutdown),
        forwarding.close(),
        metrics?.close(),
      ]);
      stopping.abort(new Rejection('unavailable', 'shiplogd is stopping; try again when it is back'));
      await closed;
      collector.stop();
      await restarts.stop();
      await supervisor.stop();
      mounts.stop();
      await sandboxes.close();
      await ledger.dispatch([{ type: 'stop-daemon', because }], { actor, correlation: names.sortable() });
      await notary.stop();
      await host.close();
      await saved.close(ledger.durable);
      await home.close();
    },
  };
};

/** Microseconds that clients have to come back after a restart: about as long as a shim keeps an event for a daemon. */
const comingBack = 15_000_000;

/** Milliseconds after the start until the holder of streams is started ahead of need. */
const holderDelay = 500;
