import type { SnapshotUsage } from '../../engine/ports/snapshots.ts';
import type { UnpackLimits } from './limits.ts';

/** What a worker thread is told. Descriptors are the process's: the sender opens them and closes them afterwards. */
export interface UnpackJob {
  /** Where the bytes are read, how they are compressed, and the program or library that inflates them; without one Node does. */
  readonly source: {
    readonly fd: number;
    readonly inflate: 'none' | 'gzip' | 'zstd';
    readonly by?: InflatedBy;
  };
  /** The blob; its offset tells how far whoever inflates has come. */
  readonly blob: { readonly fd: number; readonly size: number };
  /** An open directory: the root of the layer, or of the tree that it is laid over. */
  readonly root: number;
  /** Whether the root is a fresh directory of an overlay, which shall hold the layer alone, or a tree as it is seen. */
  readonly onto: 'layer' | 'tree';
  /** Open directories of the layers beneath, nearest first; absent where they aren't known. */
  readonly parents?: readonly number[];
  readonly blockSize: number;
  readonly limits: UnpackLimits;
  /** One int32; no longer 0 when the job is to be given up. */
  readonly cancelled: SharedArrayBuffer;
}

export type InflatedBy =
  | { readonly kind: 'program'; readonly path: string; readonly args: readonly string[] }
  /** The machine's zstd library, in the worker. */
  | { readonly kind: 'library' };

export type UnpackOutcome =
  | {
      readonly kind: 'done';
      /** Hexadecimal digits. */
      readonly sha256: string;
      readonly size: number;
      readonly usage: SnapshotUsage;
    }
  | { readonly kind: 'needs-parents' }
  | { readonly kind: 'cancelled' }
  | {
      readonly kind: 'failed';
      readonly blame: UnpackBlame;
      readonly message: string;
      /** All of the source was read: what is wrong may lie in it. */
      readonly sourceEnded: boolean;
    };

/** What made it fail: the layer, a full disk, missing rights, or something of ours. */
export type UnpackBlame = 'layer' | 'space' | 'rights' | 'internal';

export type WorkerMessage =
  | { readonly kind: 'progress'; readonly bytesRead: number }
  | { readonly kind: 'outcome'; readonly outcome: UnpackOutcome };
