import type { Position, Timestamp } from '../../domain/identity.ts';

/** A moment of the past: a position (the state before the event there), or a wall-clock time. */
export type At = { readonly position: Position } | { readonly time: Timestamp };

/** A moment that was found in the log. */
export interface Moment {
  /** The number of events that had been recorded by then. */
  readonly position: Position;
  /** The time that was asked for, else when the last event before the position was recorded; absent where there is none. */
  readonly time?: Timestamp;
}
