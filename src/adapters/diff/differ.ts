import { createHash } from 'node:crypto';
import { closeSync, constants, openSync } from 'node:fs';
import { Socket } from 'node:net';
import { DiffId } from '../../domain/identity.ts';
import { isRejection, Rejection } from '../../domain/rejection.ts';
import type { DiffOptions, DiffTrees, LayerDiff, LayerDiffer } from '../../engine/ports/differ.ts';
import type { OpenTree, TreeOpener } from '../../engine/ports/trees.ts';
import { growPipe, pipe } from '../syscalls/pipe.ts';
import { compressed } from './compress.ts';
import { createGate, runInThread } from './thread.ts';

export interface LayerDifferOptions {
  readonly trees: TreeOpener;
  /** Comparisons at a time. */
  readonly atOnce?: number;
  /** Whether an overlay's upper directory may say where to look; true when absent. */
  readonly guided?: boolean;
}

const PIPE_BYTES = 1024 * 1024;
/** Comparisons that may wait for their turn. */
const WAITING = 64;

/** The upper directory of an overlay whose other layers are just those of the lower tree. */
const guideOf = (lower: OpenTree, upper: OpenTree): string | undefined => {
  const [first, ...rest] = upper.layers.directories;
  const below = lower.layers.directories;
  const same =
    below.length > 0 && below.length === rest.length && below.every((each, at) => each === rest[at]);
  return same ? first : undefined;
};

/** Opened things, closed in the order in which they were not opened. */
class Opened {
  readonly #closes: (() => void | Promise<void>)[] = [];

  keep<T>(value: T, close: (value: T) => void | Promise<void>): T {
    this.#closes.push(() => close(value));
    return value;
  }

  async close(): Promise<void> {
    for (const close of this.#closes.splice(0).reverse()) await close();
  }
}

const toldOf = (error: unknown, signal: AbortSignal | undefined): Rejection => {
  if (signal?.aborted)
    return new Rejection('cancelled', 'compare two trees: cancelled', { cause: signal.reason });
  const words = error instanceof Error ? error.message : String(error);
  return new Rejection(isRejection(error) ? error.code : 'internal', `compare two trees: ${words}`, {
    cause: error,
  });
};

/** Compares mounted trees in threads (ADR 29). */
export const createLayerDiffer = ({ trees, atOnce = 2, guided = true }: LayerDifferOptions): LayerDiffer => {
  const gate = createGate(atOnce, WAITING);
  const flags = new Set<Int32Array>();

  /** The plain tar, while a thread writes it. */
  async function* tarOf({ lower, upper }: DiffTrees, { latest, signal }: DiffOptions): AsyncIterable<Buffer> {
    const opened = new Opened();
    const cancelled = new SharedArrayBuffer(4);
    const flag = opened.keep(new Int32Array(cancelled), (own) => void flags.delete(own));
    flags.add(flag);
    const cancel = () => void Atomics.store(flag, 0, 1);
    signal?.addEventListener('abort', cancel, { once: true });
    if (signal?.aborted) cancel();
    opened.keep(signal, (own) => own?.removeEventListener('abort', cancel));
    try {
      const below = opened.keep(await trees.open(lower, { readonly: true }), (tree) => tree.close());
      const above = opened.keep(await trees.open(upper, { readonly: true }), (tree) => tree.close());
      const path = guided ? guideOf(below, above) : undefined;
      const guide =
        path === undefined
          ? undefined
          : opened.keep(openSync(path, constants.O_RDONLY | constants.O_DIRECTORY), closeSync);
      const { readEnd, writeEnd } = pipe();
      growPipe(readEnd, PIPE_BYTES);
      const reader = opened.keep(new Socket({ fd: readEnd, readable: true, writable: false }), (own) => {
        own.destroy();
      });
      const outcome = runInThread({
        lower: below.descriptor,
        upper: above.descriptor,
        output: writeEnd,
        cancelled,
        ...(guide === undefined ? {} : { guide }),
        ...(latest === undefined ? {} : { latest }),
      }).finally(() => closeSync(writeEnd));
      // whoever leaves early: the thread ends at its next look or write, before what it reads is closed
      opened.keep(outcome, async (own) => {
        cancel();
        reader.destroy();
        await own;
      });
      const stop = () => void reader.destroy(new Rejection('cancelled', 'cancelled'));
      signal?.addEventListener('abort', stop, { once: true });
      opened.keep(signal, (own) => own?.removeEventListener('abort', stop));
      if (signal?.aborted) stop();
      yield* reader as AsyncIterable<Buffer>;
      const result = await outcome;
      if (result.kind === 'failed') throw new Rejection(result.code, result.message);
    } finally {
      await opened.close();
    }
  }

  return {
    diff: (which, options) => diffOf(which, options, gate, tarOf),
    close: async () => {
      gate.close();
      for (const flag of flags) Atomics.store(flag, 0, 1);
    },
  };
};

const diffOf = (
  trees: DiffTrees,
  options: DiffOptions,
  gate: ReturnType<typeof createGate>,
  tarOf: (trees: DiffTrees, options: DiffOptions) => AsyncIterable<Buffer>,
): LayerDiff => {
  const hash = createHash('sha256');
  let diffId: DiffId | undefined;
  async function* hashed(): AsyncIterable<Buffer> {
    for await (const bytes of tarOf(trees, options)) {
      hash.update(bytes);
      yield bytes;
    }
    diffId = DiffId.parse(`sha256:${hash.digest('hex')}`);
  }
  async function* bytes(): AsyncIterable<Uint8Array> {
    try {
      const leave = await gate.enter(options.signal);
      try {
        yield* compressed(hashed(), options.compression);
      } finally {
        leave();
      }
    } catch (error) {
      throw toldOf(error, options.signal);
    }
  }
  return {
    bytes: bytes(),
    diffId: () => {
      if (diffId === undefined)
        throw new Error('the digest of a layer is known when its bytes have been read');
      return diffId;
    },
  };
};
