import { closeSync, constants, openSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { DiffId, type SnapshotId } from '../../domain/identity.ts';
import type { Mount } from '../../domain/mount.ts';
import { Rejection, type RejectionCode } from '../../domain/rejection.ts';
import type { ApplyOptions, LayerApplier, LayerFile, LayerGrowth } from '../../engine/ports/snapshots.ts';
import type { TreeOpener } from '../../engine/ports/trees.ts';
import { syncfs } from '../syscalls/sync.ts';
import type { UnpackBlame, UnpackOutcome } from './job.ts';
import { defaultUnpackLimits, type UnpackLimits } from './limits.ts';
import { type JobRequest, type OpenedJob, openJob } from './open-job.ts';
import { shareSync } from './shared-sync.ts';
import { routeOf, type StreamProcessor } from './stream-processors.ts';
import { createWorkerPool, type WorkerPool } from './worker-pool.ts';

export interface LayerApplierOptions {
  /** The snapshot store's directory; layers go to `snapshots/<id>/fs` in it. */
  readonly directory: string;
  /** Layers unpacked at a time; the machine's parallelism when absent. */
  readonly workers?: number;
  readonly limits?: Partial<UnpackLimits>;
  /** Inflate by igzip and zstd where they are installed; true when absent. */
  readonly nativeDecompressors?: boolean;
  /** For layers of other media types; the later ones come first. */
  readonly processors?: readonly StreamProcessor[];
  /** For layers onto mounts; absent where there are none. */
  readonly trees?: TreeOpener;
}

const codes = {
  layer: 'failed-precondition',
  space: 'resource-exhausted',
  rights: 'permission-denied',
  internal: 'internal',
} as const satisfies Record<UnpackBlame, RejectionCode>;

/** What became of a layer: the worker's word, and what was wrong with the compressed stream. */
interface Result {
  readonly outcome: UnpackOutcome;
  readonly fault: Rejection | undefined;
}

const runOpened = async (
  opened: OpenedJob,
  run: (job: OpenedJob['job']) => Promise<UnpackOutcome>,
  signal: AbortSignal | undefined,
): Promise<Result> => {
  try {
    signal?.addEventListener('abort', opened.interrupt, { once: true });
    const outcome = await run(opened.job);
    const readAll = outcome.kind === 'done' || (outcome.kind === 'failed' && outcome.sourceEnded);
    return { outcome, fault: readAll ? await opened.fault() : undefined };
  } finally {
    signal?.removeEventListener('abort', opened.interrupt);
    await opened.close();
  }
};

/**
 * A thread isn't bound to what has hardly begun to come. More than an eighth is not waited for: on a slow line the rest of
 * the time is enough to unpack it all.
 */
const begun = async (growth: LayerGrowth | undefined, signal: AbortSignal | undefined): Promise<void> => {
  if (growth === undefined) return;
  const { promise, stop } = abortOf(signal);
  try {
    await Promise.race([growth.beyond(Math.floor(growth.size / 8)), promise]);
  } finally {
    stop();
  }
};

/** Rejects when the signal is aborted, until it is stopped. */
const abortOf = (signal: AbortSignal | undefined) => {
  let stop = (): void => undefined;
  const promise = new Promise<never>((_, reject) => {
    const abort = () => reject(new Rejection('cancelled', 'cancelled', { cause: signal?.reason }));
    signal?.addEventListener('abort', abort, { once: true });
    stop = () => signal?.removeEventListener('abort', abort);
    if (signal?.aborted) abort();
  });
  return { promise, stop };
};

/** Opens and inflates only once there is a thread, so that those who wait cost nothing. */
const unpack = async (
  pool: WorkerPool,
  request: JobRequest,
  mediaType: string,
  { signal, progress }: ApplyOptions,
): Promise<Result> => {
  await begun(request.growth, signal);
  const thread = await pool.hold(signal);
  try {
    signal?.throwIfAborted();
    const report = progress ?? (() => undefined);
    return await runOpened(openJob(request, mediaType), (job) => thread.run(job, report), signal);
  } finally {
    thread.release();
  }
};

/** The error that a result means, if it means one. */
const rejectionOf = ({ outcome, fault }: Result): Rejection | undefined => {
  if (outcome.kind === 'cancelled') return new Rejection('cancelled', 'cancelled');
  if (outcome.kind === 'needs-parents') return undefined;
  if (fault !== undefined) return fault;
  return outcome.kind === 'failed' ? new Rejection(codes[outcome.blame], outcome.message) : undefined;
};

const toldOf = (what: string, error: unknown, signal: AbortSignal | undefined): Rejection => {
  if (signal?.aborted) return new Rejection('cancelled', `${what}: cancelled`, { cause: signal.reason });
  const words = error instanceof Error ? error.message : String(error);
  return new Rejection(error instanceof Rejection ? error.code : 'internal', `${what}: ${words}`, {
    cause: error,
  });
};

/** The outcome of a layer that asks for nothing more. @throws Rejection for one that failed */
const doneOf = (result: Result) => {
  const rejection = rejectionOf(result);
  if (rejection !== undefined) throw rejection;
  return result.outcome.kind === 'done' ? result.outcome : undefined;
};

const syncOf = async (fd: number, signal: AbortSignal | undefined): Promise<void> => {
  signal?.throwIfAborted();
  await syncfs(fd);
};

/** Unpacks layers in worker threads, straight into overlay directories (ADR 0009) or onto mounted trees (ADR 0029). */
export const createLayerApplier = (options: LayerApplierOptions): LayerApplier => {
  const { directory, processors = [], trees } = options;
  const limits = { ...defaultUnpackLimits, ...options.limits };
  const native = options.nativeDecompressors ?? true;
  const pool = createWorkerPool(options.workers ?? availableParallelism());
  const treeOf = (id: SnapshotId): string => join(directory, 'snapshots', id, 'fs');
  const sync = shareSync(async () => {
    const fd = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY);
    try {
      await syncfs(fd);
    } finally {
      closeSync(fd);
    }
  });
  /** Syncs that began when a layer was written, until they have done well or somebody was told that they did not. */
  const unsettled = new Map<SnapshotId, Promise<void>>();
  const settleLater = (id: SnapshotId): void => {
    const mine = sync().then(() => {
      if (unsettled.get(id) === mine) unsettled.delete(id);
    });
    // Told by `settle`.
    mine.catch(() => undefined);
    unsettled.set(id, mine);
  };
  const requestOf = (layer: LayerFile) => ({
    ...{ directory, limits, native, blob: layer.path },
    payloads: layer.payloads ?? {},
    growth: layer.growth,
    route: routeOf(layer.mediaType, processors),
  });

  return {
    apply: async (layer, into, how = {}) => {
      const what = `unpack layer '${layer.path}' into snapshot '${into}'`;
      try {
        const parents = how.parents?.map(treeOf);
        const request = { ...requestOf(layer), root: treeOf(into), onto: 'layer' as const, parents };
        const done = doneOf(await unpack(pool, request, layer.mediaType, how));
        how.signal?.throwIfAborted();
        if (done === undefined) return { needsParents: true };
        settleLater(into);
        return { diffId: DiffId.parse(`sha256:${done.sha256}`), size: done.size, usage: done.usage };
      } catch (error) {
        throw toldOf(what, error, how.signal);
      }
    },
    applyTo: async (layer, mounts, how = {}) => {
      const what = `unpack layer '${layer.path}' onto ${shown(mounts)}`;
      try {
        const wanted = requestOf(layer);
        if (trees === undefined || mounts.length === 0) {
          throw new Rejection('invalid-argument', 'there is nothing mounted to unpack onto');
        }
        const tree = await trees.open(mounts, { readonly: false });
        try {
          const request = { ...wanted, root: tree.descriptor, onto: 'tree' as const, parents: undefined };
          const done = doneOf(await unpack(pool, request, layer.mediaType, how));
          if (done === undefined) throw new Rejection('internal', 'a tree has no parents to ask for');
          await syncOf(tree.descriptor, how.signal);
          return { diffId: DiffId.parse(`sha256:${done.sha256}`), size: done.size };
        } finally {
          await tree.close();
        }
      } catch (error) {
        throw toldOf(what, error, how.signal);
      }
    },
    settle: async (ids) => {
      for (const id of ids) {
        try {
          await unsettled.get(id);
        } catch (error) {
          unsettled.delete(id);
          throw toldOf(`sync the layer in snapshot '${id}'`, error, undefined);
        }
      }
    },
    close: async () => {
      await pool.close();
      await Promise.allSettled(unsettled.values());
    },
  };
};

const shown = (mounts: readonly Mount[]): string =>
  mounts.length === 0 ? 'no mounts' : mounts.map(({ type, source }) => `${type} '${source}'`).join(', ');
