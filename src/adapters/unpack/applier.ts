import { closeSync, constants, openSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { DiffId } from '../../domain/identity.ts';
import { Rejection, type RejectionCode } from '../../domain/rejection.ts';
import type { AppliedLayer, ApplyOptions, LayerApplier, NeedsParents } from '../../engine/ports/snapshots.ts';
import { syncfs } from '../syscalls/sync.ts';
import type { UnpackBlame, UnpackOutcome } from './job.ts';
import { checkLayerType } from './layer-type.ts';
import { defaultUnpackLimits, type UnpackLimits } from './limits.ts';
import { type JobRequest, type OpenedJob, openJob } from './open-job.ts';
import { shareSync } from './shared-sync.ts';
import { createWorkerPool, type WorkerPool } from './worker-pool.ts';

export interface LayerApplierOptions {
  /** The snapshot store's directory; layers go to `snapshots/<id>/fs` in it. */
  readonly directory: string;
  /** Layers unpacked at a time; the machine's parallelism when absent. */
  readonly workers?: number;
  readonly limits?: Partial<UnpackLimits>;
  /** Inflate by igzip and zstd where they are installed; true when absent. */
  readonly nativeDecompressors?: boolean;
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

/** Opens and inflates only once there is a thread, so that those who wait cost nothing. */
const unpack = async (
  pool: WorkerPool,
  request: JobRequest,
  { signal, progress }: ApplyOptions,
): Promise<Result> => {
  const thread = await pool.hold(signal);
  try {
    signal?.throwIfAborted();
    const report = progress ?? (() => undefined);
    return await runOpened(openJob(request), (job) => thread.run(job, report), signal);
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

/** Unpacks layers in worker threads, straight into overlay directories (ADR 0009). */
export const createLayerApplier = (options: LayerApplierOptions): LayerApplier => {
  const { directory } = options;
  const limits = { ...defaultUnpackLimits, ...options.limits };
  const pool = createWorkerPool(options.workers ?? availableParallelism());
  const sync = shareSync(async () => {
    const fd = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY);
    try {
      await syncfs(fd);
    } finally {
      closeSync(fd);
    }
  });

  const finished = async (result: Result): Promise<AppliedLayer | NeedsParents> => {
    const rejection = rejectionOf(result);
    if (rejection !== undefined) throw rejection;
    if (result.outcome.kind !== 'done') return { needsParents: true };
    await sync();
    const { sha256, size, usage } = result.outcome;
    return { diffId: DiffId.parse(`sha256:${sha256}`), size, usage };
  };

  return {
    apply: async (layer, into, how = {}) => {
      const what = `unpack layer '${layer.path}' into snapshot '${into}'`;
      try {
        checkLayerType(layer.mediaType);
        const native = options.nativeDecompressors ?? true;
        const request = { directory, blob: layer.path, into, parents: how.parents, limits, native };
        const result = await unpack(pool, request, how);
        how.signal?.throwIfAborted();
        return await finished(result);
      } catch (error) {
        throw toldOf(what, error, how.signal);
      }
    },
    close: () => pool.close(),
  };
};
