import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { compressionOf, magicBytes } from '../../domain/compression.ts';
import type { SnapshotId } from '../../domain/identity.ts';
import { Rejection } from '../../domain/rejection.ts';
import { hasCode } from '../syscalls/error.ts';
import { statFileSystem } from '../syscalls/statfs.ts';
import { openSource } from './decompressor.ts';
import type { UnpackJob } from './job.ts';
import type { UnpackLimits } from './limits.ts';

export interface JobRequest {
  /** The snapshot store's directory. */
  readonly directory: string;
  readonly blob: string;
  readonly into: SnapshotId;
  readonly parents: readonly SnapshotId[] | undefined;
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

/** @throws Rejection `not-found` (blob or directory), `unimplemented` (no decompressor) */
export const openJob = (request: JobRequest): OpenedJob => {
  const opened: number[] = [];
  const closeAll = () => {
    for (const fd of opened.splice(0)) closeSync(fd);
  };
  const open = (path: string, flags: number): number => {
    const fd = openOrSay(path, flags);
    opened.push(fd);
    return fd;
  };
  const openTree = (id: SnapshotId) =>
    open(join(request.directory, 'snapshots', id, 'fs'), constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    const blob = open(request.blob, constants.O_RDONLY);
    const root = openTree(request.into);
    const parents = request.parents?.map(openTree);
    const cancelled = new SharedArrayBuffer(4);
    const { size } = fstatSync(blob);
    const { blockSize } = statFileSystem(request.directory);
    // last, since it may start a process
    const source = openSource(blob, compressionOf(headOf(blob)), { native: request.native });
    return {
      job: {
        source: source.source,
        blob: { fd: blob, size },
        root,
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
