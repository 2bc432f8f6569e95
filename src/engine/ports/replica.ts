import type { Position, Timestamp } from '../../domain/identity.ts';

/**
 * Where the other copy of the log is. `replica`: the host's own files are the truth, the copy is elsewhere. `primary`: the
 * truth is elsewhere, and the host's files are the copy.
 */
export type CopyMode = 'replica' | 'primary';

/**
 * `connecting` from the start until the copy is found to fit; `shipping` while it is written; `waiting` for the next try
 * after a failure; `stopped` for good, since going on would be a guess: see the last error.
 */
export type CopyState = 'connecting' | 'shipping' | 'waiting' | 'stopped';

/** How far the copy of the log has come. */
export interface CopyStatus {
  readonly mode: CopyMode;
  /** The remote end, for people; no password. */
  readonly place: string;
  readonly state: CopyState;
  /** Events that the copy is known to have; absent until it was asked. */
  readonly position?: Position;
  /** Durable events that it is not known to have. */
  readonly lagEvents: bigint;
  /** Age of the oldest of them. Microseconds; 0 when there is none. */
  readonly lagTime: number;
  /** The last failure, also when it has passed. */
  readonly lastError?: { readonly at: Timestamp; readonly message: string };
}

/** Something that keeps a second copy of the log. */
export interface LogCopy {
  status(): Promise<CopyStatus>;
}
