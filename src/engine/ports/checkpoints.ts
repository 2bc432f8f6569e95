import type { Position } from '../../domain/identity.ts';
import type { Views } from '../views.ts';

/**
 * Saved folds: the views at some positions, so that neither a start nor a look at the past begins at the first event.
 * A cache: each is checksummed, names the log and the schema of the views that it is of, and one that does not fit or
 * can't be read is thrown away and told of, never used. Only where the log's beginning was pruned is the one at the
 * horizon more than a cache.
 */
export interface Checkpoints {
  /** Positions at which one is kept, ascending. */
  positions(): readonly Position[];
  /**
   * The views at the highest kept position that is not above `at` and can be used.
   * @returns undefined where there is none: fold from the log's horizon
   */
  load(at: Position): Promise<Views | undefined>;
  /** Saves the views as of their position, without keeping the event loop for long. Durable when it resolves. */
  save(views: Views): Promise<void>;
  /** Forgets those above a position: what they were folded from has changed. */
  forget(above: Position): Promise<void>;
}
