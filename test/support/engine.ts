import { join } from 'node:path';
import { NEVER } from 'rxjs';
import { createArchives } from '../../src/adapters/archive/archives.ts';
import { createBlobStore } from '../../src/adapters/blobs/store.ts';
import { createExpressions } from '../../src/adapters/cel/expressions.ts';
import { bootId, createClock } from '../../src/adapters/linux/clock.ts';
import { createContainerFiles } from '../../src/adapters/linux/container-files.ts';
import { createHostInspector, hostPlatform, sha256 } from '../../src/adapters/linux/host.ts';
import { createNames } from '../../src/adapters/linux/names.ts';
import { createProcessTable } from '../../src/adapters/linux/processes.ts';
import { memoryLog } from '../../src/adapters/log-memory/memory-log.ts';
import { createMounter } from '../../src/adapters/overlay/mounter.ts';
import { createOverlayStore } from '../../src/adapters/overlay/store.ts';
import { createRegistry } from '../../src/adapters/registry/registry.ts';
import { createContainerLogs } from '../../src/adapters/stdio/log-reader.ts';
import { createLayerApplier } from '../../src/adapters/unpack/applier.ts';
import type { Fact } from '../../src/domain/event.ts';
import type { DomainEvent } from '../../src/domain/world.ts';
import { archivesApi } from '../../src/engine/api/archives.ts';
import type { Engine } from '../../src/engine/api/engine.ts';
import { imagesApi } from '../../src/engine/api/images.ts';
import { Collector } from '../../src/engine/collector.ts';
import { Ledger } from '../../src/engine/ledger.ts';
import { daemonActor } from '../../src/engine/origin.ts';
import { performersOf } from '../../src/engine/performers.ts';
import type { Call, ImagesApi } from '../../src/engine/ports/api.ts';
import type { Logger } from '../../src/engine/ports/logger.ts';
import type { Ports } from '../../src/engine/ports/ports.ts';
import type { Runtime } from '../../src/engine/ports/runtime.ts';
import { Supervisor } from '../../src/engine/supervisor.ts';
import { Timeline } from '../../src/engine/timeline.ts';
import { WorkflowRunner } from '../../src/engine/workflow-runner.ts';
import { localSnapshotters } from './snapshotters.ts';
import { makeTempDir } from './temp-dir.ts';

export interface TestEngine {
  readonly engine: Engine;
  readonly images: ImagesApi;
  readonly ports: Ports;
  readonly ledger: Ledger;
  /** Events since the start, in order. */
  readonly facts: readonly Fact<DomainEvent>[];
  /** Lines that were logged as warnings or errors. */
  readonly complaints: readonly string[];
  call(more?: Partial<Call>): Call;
  close(): Promise<void>;
}

/** A port that no test of this engine may reach. */
const unreachable = <T extends object>(name: string, more: Partial<T> = {}): T =>
  new Proxy(more as T, {
    get: (own, method, receiver) =>
      method in own
        ? Reflect.get(own, method, receiver)
        : () => {
            throw new Error(`${name}.${String(method)} is out of reach in this engine`);
          },
  });

/**
 * An engine without processes: real stores, registry client, archives and layer applier below a directory of its own on a
 * disk that can hold overlays, and the log in memory. Reacts to events as the daemon does.
 */
export const testEngine = async (): Promise<TestEngine> => {
  const directory = makeTempDir('engine', '/var/tmp');
  const complaints: string[] = [];
  const complain = (message: string, fields?: Readonly<Record<string, unknown>>) => {
    complaints.push(`${message} ${String(fields?.error ?? '')}`.trim());
  };
  const logger: Logger = {
    debug: () => undefined,
    info: () => undefined,
    warn: complain,
    error: complain,
    child: () => logger,
  };
  const boot = bootId();
  const clock = createClock(boot);
  const names = createNames();
  const log = memoryLog();
  const registry = createRegistry({ env: {} });
  const snapshots = join(directory.path, 'snapshots');
  const overlay = createOverlayStore({ directory: snapshots });
  const rootsDirectory = join(directory.path, 'roots');
  const ports: Ports = {
    log,
    clock,
    names,
    blobs: createBlobStore({ directory: join(directory.path, 'content'), warn: complain }),
    snapshots: overlay,
    snapshotters: localSnapshotters({ overlayfs: overlay }),
    layers: createLayerApplier({ directory: snapshots, workers: 2 }),
    differ: unreachable('differ'),
    differs: new Map(),
    contents: new Map(),
    mounter: createMounter(),
    registry,
    archives: createArchives(),
    runtime: unreachable<Runtime>('runtime', { oom: NEVER, close: async () => undefined }),
    stdio: unreachable('stdio'),
    containerLogs: createContainerLogs(),
    containerFiles: createContainerFiles(join(directory.path, 'containers')),
    processes: createProcessTable(),
    logInspector: unreachable('logInspector'),
    hostInspector: createHostInspector('runc'),
    expressions: createExpressions(),
    logger,
    host: {
      platform: hostPlatform(),
      boot,
      sha256,
      rootsDirectory,
      rootOf: ({ namespace, id }) => join(rootsDirectory, namespace, id),
      logOf: ({ namespace, id }) => ({
        path: join(directory.path, 'containers', namespace, id, 'container.log'),
        maxBytes: 1024 * 1024,
        maxFiles: 2,
      }),
    },
  };
  const ledger = await Ledger.open(log, clock);
  const facts: Fact<DomainEvent>[] = [];
  const seen = ledger.recorded.subscribe((fact) => facts.push(fact));
  const actor = daemonActor(process.pid, process.execPath);
  const runner = new WorkflowRunner(ledger, performersOf(ports, ledger));
  const supervisor = new Supervisor(ledger, runner, ports.runtime, logger, actor);
  const collector = new Collector(ledger, clock, names, logger, { actor, delay: 10, interval: 3_600_000 });
  supervisor.start();
  const engine: Engine = {
    ports,
    ledger,
    runner,
    collector,
    timeline: new Timeline(log, ledger),
    keeping: unreachable('keeping'),
    proofs: unreachable('proofs'),
    heads: unreachable('heads'),
    about: {
      version: '0.0.0',
      revision: '',
      root: directory.path,
      state: directory.path,
      pid: process.pid,
      defaultRuntime: { name: 'io.containerd.runc.v2', binary: 'runc' },
    },
  };
  return {
    engine,
    images: { ...imagesApi(engine), ...archivesApi(engine) },
    ports,
    ledger,
    facts,
    complaints,
    call: (more = {}) => ({ cause: { actor, correlation: names.sortable() }, ...more }),
    close: async () => {
      collector.stop();
      await supervisor.stop();
      seen.unsubscribe();
      await Promise.all([registry.close(), ports.layers.close()]);
      await log.close();
      directory.remove();
    },
  };
};
