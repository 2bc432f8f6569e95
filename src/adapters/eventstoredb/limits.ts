import { LogLimits } from '../../engine/ports/log.ts';

/** Bounds of a log on KurrentDB. */
export interface EventStoreLimits {
  /** Milliseconds for one call, and for the server to say nothing in the middle of an answer. */
  readonly deadlineMs: number;
  /** Milliseconds during which an append or a read is tried again before it fails. */
  readonly giveUpAfterMs: number;
  /**
   * Bytes of several batches that go in one call; a larger batch goes alone. The server takes 1 MiB in one append unless
   * its MaxAppendSize says otherwise.
   */
  readonly groupBytes: number;
  /** Events of several batches that go in one call. */
  readonly groupEvents: number;
  /** Bytes that wait to become durable. */
  readonly queuedBytes: number;
}

export const defaultLimits: EventStoreLimits = {
  deadlineMs: 10_000,
  giveUpAfterMs: 30_000,
  groupBytes: 512 * 1024,
  groupEvents: 1024,
  queuedBytes: LogLimits.queuedBytes,
};

const FIRST_PAUSE_MS = 25;
const LONGEST_PAUSE_MS = 2_000;

/** Milliseconds before try number `attempt` (from 1); doubled each time, and jittered so that a fleet doesn't march. */
export const pauseBefore = (attempt: number): number =>
  Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (attempt - 1)) * (0.5 + Math.random() / 2);
