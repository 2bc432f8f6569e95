import type { Position } from '../domain/identity.ts';
import type { StoredCheckpoint } from './ports/checkpoints.ts';

export interface Retention {
  /** Events from one checkpoint to the next. */
  readonly every: number;
  /** Bytes that all of them may take. */
  readonly maxBytes: number;
  /** First position of the log that can still be read. */
  readonly horizon: Position;
  /** Where the log is about to begin; absent where nothing is being pruned. */
  readonly kept?: Position;
}

/** A gap up to this many times the wanted one is no reason to keep what stands in it. */
const SLACK = 1.5;

/**
 * Which checkpoints to let go of. Those of starts and stops go once their neighbours are near enough; when all together
 * are too large, the one goes first whose absence leaves the smallest gap, so that what is left stays spread evenly.
 * Never the newest, which the next start needs, nor the one at the horizon, which nothing can make again.
 * @param kept ascending by position
 */
export const superfluous = (
  kept: readonly StoredCheckpoint[],
  { every, maxBytes, horizon, kept: pinned }: Retention,
): readonly Position[] => {
  const usable = kept.filter(({ position }) => position >= horizon);
  const gone = kept.filter(({ position }) => position < horizon).map(({ position }) => position);
  /** Events from the neighbour below to the one above; without end for those that stay. */
  const gapAt = (at: number): number => {
    const [below, one, above] = [
      usable[at - 1]?.position ?? horizon,
      usable[at]?.position,
      usable[at + 1]?.position,
    ];
    return above === undefined || one === horizon || one === pinned
      ? Number.POSITIVE_INFINITY
      : Number(above - below);
  };
  const drop = (at: number): void => {
    for (const { position } of usable.splice(at, 1)) gone.push(position);
  };
  for (let at = 0; at < usable.length; ) {
    if (gapAt(at) <= every * SLACK) drop(at);
    else at += 1;
  }
  let total = usable.reduce((sum, { bytes }) => sum + bytes, 0);
  while (total > maxBytes) {
    let least = 0;
    for (let at = 1; at < usable.length; at += 1) if (gapAt(at) < gapAt(least)) least = at;
    if (!Number.isFinite(gapAt(least))) break;
    total -= usable[least]?.bytes ?? 0;
    drop(least);
  }
  return gone;
};
