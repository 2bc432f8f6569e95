/** What the thread is told. Descriptors are the process's: the sender opens them and closes them afterwards. */
export interface DiffJob {
  /** Absent: an empty tree. */
  readonly lower?: number;
  readonly upper: number;
  readonly guide?: number;
  /** Where the tar goes; blocking. */
  readonly output: number;
  /** Seconds. */
  readonly latest?: number;
  /** One int32; no longer 0 when the job is to be given up. */
  readonly cancelled: SharedArrayBuffer;
}

export type DiffOutcome =
  | { readonly kind: 'done' }
  | {
      readonly kind: 'failed';
      readonly code: 'failed-precondition' | 'aborted' | 'internal';
      readonly message: string;
    };
