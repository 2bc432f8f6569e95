import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { type Compression, compressionOf, magicBytes } from '../../domain/compression.ts';
import { Rejection } from '../../domain/rejection.ts';
import type { LayerGrowth } from '../../engine/ports/snapshots.ts';
import { hasCode } from '../syscalls/error.ts';
import { statFileSystem } from '../syscalls/statfs.ts';
import { sourceOf } from './decompressor.ts';
import { followGrowth } from './follow-growth.ts';
import type { UnpackJob } from './job.ts';
import type { UnpackLimits } from './limits.ts';
import { runProcessors } from './run-processors.ts';
import type { LayerRoute } from './stream-processors.ts';

export interface JobRequest {
  /** On the file system that is written to. */
  readonly directory: string;
  readonly blob: string;
  /** Absent for a blob that is whole. */
  readonly growth: LayerGrowth | undefined;
  readonly payloads: Readonly<Record<string, Uint8Array>>;
  readonly route: LayerRoute;
  /** Its path, or an open directory, which stays the caller's. */
  readonly root: string | number;
  readonly onto: UnpackJob['onto'];
  /** Paths, from the direct parent to the base. */
  readonly parents: readonly string[] | undefined;
  readonly limits: UnpackLimits;
  readonly native: boolean;
}

/** A job with everything open that it needs. */
export interface OpenedJob {
  readonly job: UnpackJob;
  /** What was wrong with the compressed stream; asked only after its end. */
  fault(): Promise<Rejection | undefined>;
  /** Has the worker give up soon. */
  interrupt(): void;
  close(): Promise<void>;
}

interface OpenedSource {
  readonly source: UnpackJob['source'];
  /** What was wrong on the way to whoever inflates; undefined where nothing was. Resolves after the stream's end. */
  fault(): Promise<Rejection | undefined>;
  /** Makes the stream end soon, wherever it is. */
  interrupt(): void;
  /** Ends what still runs and closes what was opened. */
  close(): Promise<void>;
}

const headOf = (fd: number): Uint8Array => {
  const head = new Uint8Array(magicBytes);
  return head.subarray(0, readSync(fd, head, 0, magicBytes, 0));
};

const openOrSay = (path: string, flags: number): number => {
  try {
    return openSync(path, flags);
  } catch (error) {
    if (!hasCode(error, 'ENOENT', 'ENOTDIR')) throw error;
    throw new Rejection('not-found', `there is no '${path}'`, { cause: error });
  }
};

/** How what comes out of a program is compressed is said by its type alone: a pipe can't be looked into and read again. */
const compressionOfType = (mediaType: string): Compression => {
  if (/[+.]gzip$/.test(mediaType)) return 'gzip';
  return /[+.]zstd$/.test(mediaType) ? 'zstd' : 'none';
};

/** The layer, through the programs that its type asks for. Last to be opened, since it may start processes. */
const openLayer = (blob: number, mediaType: string, request: JobRequest): OpenedSource => {
  if (request.growth === undefined) return openWhole(blob, compressionOf(headOf(blob)), mediaType, request);
  const compression = compressionOf(headOf(blob));
  const followed = followGrowth(blob, request.growth);
  let opened: OpenedSource;
  try {
    opened = openWhole(followed.fd, compression, mediaType, request);
  } catch (error) {
    void followed.stop();
    closeSync(followed.fd);
    throw error;
  }
  return {
    source: opened.source,
    fault: async () => (await followed.fault()) ?? opened.fault(),
    interrupt: () => {
      void followed.stop();
      opened.interrupt();
    },
    close: async () => {
      await followed.stop();
      await opened.close();
      closeSync(followed.fd);
    },
  };
};

/** @param blob all of it can be read there, from a file or out of a pipe */
const openWhole = (
  blob: number,
  compression: Compression,
  mediaType: string,
  { route, payloads, native }: JobRequest,
): OpenedSource => {
  const [first, ...others] = route.steps;
  if (first === undefined) {
    const source = sourceOf(blob, compression, { native });
    return { source, fault: async () => undefined, interrupt: () => undefined, close: async () => undefined };
  }
  const processed = runProcessors({ fd: blob, mediaType }, [first, ...others], payloads);
  let source: UnpackJob['source'];
  try {
    source = sourceOf(processed.fd, compressionOfType(route.mediaType), { native });
  } catch (error) {
    processed.interrupt();
    closeSync(processed.fd);
    throw error;
  }
  return {
    source,
    // a program that gives up leaves a stream that is cut off: what it says comes first
    fault: () => processed.fault(),
    interrupt: () => processed.interrupt(),
    close: async () => {
      processed.interrupt();
      await processed.close();
    },
  };
};

/** One that grew, and is whole by now, has moved to its place. */
const openBlob = ({ blob, growth }: JobRequest): number => {
  try {
    if (growth !== undefined) return openSync(growth.path, constants.O_RDONLY);
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error;
  }
  return openOrSay(blob, constants.O_RDONLY);
};

/** @throws Rejection `not-found` (blob or directory), `unimplemented` (no decompressor) */
export const openJob = (request: JobRequest, mediaType: string): OpenedJob => {
  const opened: number[] = [];
  const closeAll = () => {
    for (const fd of opened.splice(0)) closeSync(fd);
  };
  const open = (path: string, flags: number): number => {
    const fd = openOrSay(path, flags);
    opened.push(fd);
    return fd;
  };
  const openTree = (path: string) => open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    const blob = openBlob(request);
    opened.push(blob);
    const root = typeof request.root === 'number' ? request.root : openTree(request.root);
    const parents = request.parents?.map(openTree);
    const cancelled = new SharedArrayBuffer(4);
    const size = request.growth?.size ?? fstatSync(blob).size;
    const { blockSize } = statFileSystem(request.directory);
    const source = openLayer(blob, mediaType, request);
    return {
      job: {
        source: source.source,
        blob: { fd: blob, size },
        root,
        onto: request.onto,
        ...(parents === undefined ? {} : { parents }),
        blockSize,
        limits: request.limits,
        cancelled,
      },
      fault: source.fault,
      interrupt: () => {
        Atomics.store(new Int32Array(cancelled), 0, 1);
        source.interrupt();
      },
      close: async () => {
        await source.close();
        closeAll();
      },
    };
  } catch (error) {
    closeAll();
    throw error;
  }
};
