import type { Fact } from '../domain/event.ts';
import type { Position } from '../domain/identity.ts';
import type { DomainEvent } from '../domain/world.ts';
import { factOf } from './facts.ts';
import type { Log } from './ports/log.ts';
import { turn } from './turn.ts';
import { type Views, ViewsDraft } from './views.ts';

/** Events folded before others get their turn: some milliseconds. */
const SLICE = 512;

export interface FoldRange {
  /** What is folded onto: the views before the first event that is read. */
  readonly from: Views;
  /** End, exclusive. */
  readonly to: Position;
  readonly signal?: AbortSignal;
  /** Events after which views are given on the way, too; none are when absent. */
  readonly every?: number;
}

/** Facts of the log in order, in slices short enough that what is done with one keeps nobody waiting. */
export async function* slicesOf(
  log: Pick<Log, 'read'>,
  { from, to, signal }: { readonly from: Position; readonly to: Position; readonly signal?: AbortSignal },
): AsyncGenerator<readonly Fact<DomainEvent>[]> {
  if (from >= to) return;
  let since = 0;
  for await (const batch of log.read({ from, to })) {
    for (let at = 0; at < batch.length; at += SLICE) {
      signal?.throwIfAborted();
      const slice = batch.slice(at, at + SLICE);
      yield slice.map(factOf);
      since += slice.length;
      if (since < SLICE) continue;
      since = 0;
      await turn();
    }
  }
}

/**
 * Folds a stretch of the log onto views.
 * @returns the views after each stretch of `every` events, a slice more or less; the last are those at `to`. None where
 *   there is nothing to fold
 * @throws the signal's reason; Rejection `data-loss` for an event that this version can't read
 */
export async function* fold(
  log: Pick<Log, 'read'>,
  { from, to, signal, every = Number.POSITIVE_INFINITY }: FoldRange,
): AsyncGenerator<Views, void> {
  const draft = new ViewsDraft(from);
  const range = { from: from.world.position, to, ...(signal === undefined ? {} : { signal }) };
  let since = 0;
  for await (const facts of slicesOf(log, range)) {
    for (const fact of facts) draft.take(fact);
    since += facts.length;
    if (since < every) continue;
    since = 0;
    yield draft.views();
  }
  if (since > 0) yield draft.views();
}

/** The views at `range.to`. @throws as {@link fold} */
export const folded = async (log: Pick<Log, 'read'>, range: FoldRange): Promise<Views> => {
  let views = range.from;
  for await (const next of fold(log, range)) views = next;
  return views;
};
