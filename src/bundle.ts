import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createExpressions } from './adapters/cel/expressions.ts';
import { serve } from './adapters/grpc/serve.ts';
import { bootId, createClock } from './adapters/linux/clock.ts';
import { createHostInspector, hostPlatform, sha256 } from './adapters/linux/host.ts';
import { createNames } from './adapters/linux/names.ts';
import { createLogInspector } from './adapters/log-file/inspector.ts';
import { openLogCopy } from './adapters/log-file/log-copy.ts';
import { openSlice } from './adapters/slice/open-slice.ts';
import { version } from './client/version.ts';
import { Rejection } from './domain/rejection.ts';
import { apiOf } from './engine/api/api.ts';
import { proofsApi } from './engine/api/proofs.ts';
import { readOnly } from './engine/api/read-only.ts';
import { Ledger } from './engine/ledger.ts';
import type { Notary } from './engine/notary.ts';
import type { BlobStore } from './engine/ports/blobs.ts';
import type { Checkpoints } from './engine/ports/checkpoints.ts';
import type { LogInspector } from './engine/ports/inspection.ts';
import type { Log } from './engine/ports/log.ts';
import type { Logger } from './engine/ports/logger.ts';
import type { OpenedPast, PastOrder } from './engine/ports/past.ts';
import type { Ports } from './engine/ports/ports.ts';
import type { LeafSource, TreeHeads } from './engine/ports/proofs.ts';
import { SavedViews } from './engine/saved-views.ts';
import { Timeline } from './engine/timeline.ts';
import { viewsSchema } from './engine/views-codec.ts';

/** A log to look at, and the state that it begins with. */
interface Source {
  readonly log: Log;
  readonly checkpoints?: Checkpoints;
  readonly notes: readonly string[];
  /** On disk. */
  readonly bytes: () => Promise<number>;
}

/**
 * Opens a slice, or the folder of a log, and serves what can be asked of it on a socket that nobody else can reach, in
 * this process.
 * @throws Rejection where it is not sound, can't be read, or was made by a version whose state this one does not know
 */
export const openPast = async (order: PastOrder): Promise<OpenedPast> => {
  const scratch = await mkdtemp(join(tmpdir(), 'shiplog-'));
  try {
    const source = await sourceOf(order, scratch);
    const address = join(scratch, 's.sock');
    const server = await serveLog(source, address, order.path);
    return {
      address,
      notes: source.notes,
      close: async () => {
        await server.close();
        await rm(scratch, { recursive: true, force: true });
      },
    };
  } catch (error) {
    await rm(scratch, { recursive: true, force: true });
    throw error;
  }
};

const sourceOf = async (order: PastOrder, scratch: string): Promise<Source> => {
  if (order.kind === 'log') {
    const log = await openLogCopy(order.path);
    if (log.horizon === 0n) {
      const notes = [`signatures were not checked: 'shiplog-verify --log' does`];
      return { log, notes, bytes: () => createLogInspector(order.path).bytes() };
    }
    throw new Rejection(
      'failed-precondition',
      `opening ${order.path}: the log was pruned and begins at ${log.horizon}; the state there is with its host`,
    );
  }
  const { manifest, ...opened } = await openSlice(order.path, scratch, order.keys);
  const slice = { ...opened, bytes: async () => (await stat(order.path)).size };
  if (manifest.state === 'empty' || manifest.schema === viewsSchema) return slice;
  throw new Rejection(
    'failed-precondition',
    `opening ${order.path}: its state was saved by Shiplog ${manifest.program}, and this version (${version}) can't read that; use that version`,
  );
};

const serveLog = async ({ log, checkpoints, bytes }: Source, address: string, path: string) => {
  const clock = createClock(bootId());
  const names = createNames();
  const saved =
    checkpoints && new SavedViews(log, checkpoints, clock, silent, { every: 0, maxBytes: Number.MAX_VALUE });
  const ledger = await Ledger.open(log, clock, saved);
  const timeline = new Timeline(log, ledger, saved);
  const ports: Ports = {
    ...{ log, clock, names, logger: silent, expressions: createExpressions(), blobs: noBlobs },
    // What this machine has says nothing of the host.
    hostInspector: {
      ...createHostInspector(''),
      runtimeVersion: () => Promise.resolve(''),
      cgroup: () => Promise.resolve(''),
      rss: () => process.memoryUsage.rss(),
    },
    logInspector: absent<LogInspector>({ bytes }),
    host: {
      ...{ platform: hostPlatform(), boot: bootId(), sha256, rootsDirectory: '', rootOf: () => '' },
      logOf: () => ({ path: '', maxBytes: 0, maxFiles: 0 }),
    },
    ...{
      snapshots: absent(),
      snapshotters: absent(),
      layers: absent(),
      differ: absent(),
      differs: absent(),
      contents: absent(),
      mounter: absent(),
      registry: absent(),
      archives: absent(),
    },
    ...{ runtime: absent(), stdio: absent(), containerLogs: absent(), containerFiles: absent() },
    processes: absent(),
  };
  const about = { version, revision: '', root: path, state: '', pid: process.pid, defaultRuntime };
  const signing = { heads: absent<TreeHeads>(), notary: absent<Notary>(), leaves: absent<LeafSource>() };
  const api = apiOf({
    ...{ ports, ledger, timeline, about, heads: signing.heads },
    ...{ runner: absent(), collector: absent(), keeping: absent() },
    proofs: proofsApi({ log, ledger, timeline, program: version, ...signing }),
  });
  return serve({
    ...{ address, names, logger: silent, build: { version, revision: '' } },
    api: readOnly(api, ledger.durable.world.position),
  });
};

const defaultRuntime = { name: '', binary: '' };

/** A part of a host, which a log alone has not; nothing that may be asked of one gets here. */
const absent = <T extends object>(own: Partial<T> = {}): T =>
  new Proxy(own, {
    get: (has, name) => {
      if (name in has) return Reflect.get(has, name);
      throw new Rejection('internal', `a log that is looked at was asked for a host's '${String(name)}'`);
    },
  }) as T;

const noBlobs = absent<BlobStore>({
  readAll: (digest) =>
    Promise.reject(new Rejection('not-found', `the bytes of ${digest} are on the host, not in its log`)),
});

const nothing = (): void => undefined;
/** Whoever asks is told by the answer. */
const silent: Logger = { debug: nothing, info: nothing, warn: nothing, error: nothing, child: () => silent };
