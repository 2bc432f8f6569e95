import type { Position } from '../../domain/identity.ts';

/**
 * Saved folds, as lines of text: the views at some positions, so that neither a start nor a look at the past begins at
 * the first event. A cache, but where the log's beginning was pruned: there the one at the horizon is all that is left
 * of it. What the lines mean, and whether a checkpoint fits this log and this program, is the engine's to judge; that
 * they are the lines that were saved is the store's.
 */
export interface Checkpoints {
  /** What is kept, ascending by position. */
  list(): readonly StoredCheckpoint[];
  /**
   * Opens one. Its lines come in pieces, so that no large state has to stand in memory as text.
   * @throws Rejection `data-loss` where it can't be read or is not what was saved; the message names the file
   */
  open(at: Position): Promise<Checkpoint>;
  /**
   * Saves one, in the place of another at the same position: all of it, durably, or nothing. Takes lines for a few
   * milliseconds at a time.
   * @param rests asked after each time: whether to leave most of the time to others for now; never where it is absent
   * @throws Rejection `resource-exhausted` (disk full), `unavailable` (I/O error)
   */
  save(header: CheckpointHeader, lines: Iterable<string>, rests?: () => boolean): Promise<void>;
  /** Removes one; does nothing where it is not there. */
  remove(at: Position): Promise<void>;
}

export interface CheckpointHeader {
  /** Number of events folded. */
  readonly position: Position;
  /** What the lines were made by; of no use to what reads another. */
  readonly schema: string;
  /** The event before the position, in words that no other log has there. */
  readonly last: string;
}

export interface Checkpoint {
  readonly header: CheckpointHeader;
  /** Batches of lines, without their line breaks. */
  readonly lines: AsyncIterable<readonly string[]>;
}

export interface StoredCheckpoint {
  readonly position: Position;
  /** On disk. */
  readonly bytes: number;
}
