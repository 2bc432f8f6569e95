import type { Recorded } from '../domain/envelope.ts';
import { type Position, position } from '../domain/identity.ts';
import { Rejection } from '../domain/rejection.ts';
import type { Log } from './ports/log.ts';

/** How a copy stands to the log that it is to be a copy of. */
export type Meeting =
  /** It is the log's beginning; it goes on at its own end. */
  | { readonly kind: 'fits' }
  /** It has events that the log has not. */
  | { readonly kind: 'ahead' }
  /** Another history, from this position on. */
  | { readonly kind: 'forked'; readonly at: Position }
  /** The log no longer holds what would have to be compared or copied. */
  | { readonly kind: 'pruned' };
export type Misfit = Exclude<Meeting, { readonly kind: 'fits' }>;

/** What is wrong with a replica elsewhere, and what to do. */
export const misfitOfReplica = (misfit: Misfit, log: Log, copy: Log): string => {
  const asked = `Copying the log of this host: it has ${log.durable} events, the copy ${copy.durable}`;
  switch (misfit.kind) {
    case 'ahead':
      return (
        `${asked}. This log was restored from an old state, or another daemon uses the id of this host. ` +
        'Nothing is written to the copy. Stop the other daemon, or start with an empty log and an id of its own.'
      );
    case 'forked':
      return (
        `${asked}, and from position ${misfit.at} on they are two histories: another daemon used the id of this host, ` +
        'or one of the two was restored from an old state and went on. Nothing is written to the copy. ' +
        'Keep it for the record, and start with an empty log and an id of its own.'
      );
    case 'pruned':
      return (
        `${asked}, and this log begins at position ${log.horizon}: what lies between was pruned before it was copied, ` +
        'or there is no event left to compare. Nothing is written to the copy. Bring the missing events from an archive.'
      );
    default:
      return misfit satisfies never;
  }
};

/**
 * Compares the ends, not all of it: an event tells when it was recorded to the microsecond, by which clock and for which
 * request, so two histories that agree on an event agree on all before it. Data is left out, since it may be redacted.
 * @throws Rejection of either log
 */
export const meet = async (log: Log, copy: Log): Promise<Meeting> => {
  const end = copy.durable;
  if (end > log.durable) return { kind: 'ahead' };
  if (end === 0n) return log.horizon === 0n ? { kind: 'fits' } : { kind: 'pruned' };
  if (end <= log.horizon) return { kind: 'pruned' };
  const last = end - 1n;
  if (await agree(log, copy, last)) return { kind: 'fits' };
  return { kind: 'forked', at: await firstDifference(log, copy, last) };
};

/** By halving: once they differ they go on differing. `last` is known to. */
const firstDifference = async (log: Log, copy: Log, last: bigint): Promise<Position> => {
  let low: bigint = laterOf(log.horizon, copy.horizon);
  let high = last;
  while (low < high) {
    const middle = (low + high) / 2n;
    if (await agree(log, copy, middle)) low = middle + 1n;
    else high = middle;
  }
  return position(low);
};

const agree = async (log: Log, copy: Log, at: bigint): Promise<boolean> => {
  const [ours, theirs] = await Promise.all([eventAt(log, at), eventAt(copy, at)]);
  return fingerprint(ours) === fingerprint(theirs);
};

export const eventAt = async (log: Log, at: bigint): Promise<Recorded> => {
  for await (const [event] of log.read({ from: position(at), to: position(at + 1n) })) {
    if (event !== undefined) return event;
  }
  throw new Rejection('internal', `Reading event ${at}: it is durable, and the log did not give it.`);
};

/** The higher of two; Math.max knows no bigint. */
export const laterOf = (one: Position, other: Position): Position => {
  if (one > other) return one;
  return other;
};

const fingerprint = ({ type, version, subject, meta }: Recorded): string => {
  const { actor, time, correlation, causation = '' } = meta;
  const { wall, mono, boot } = time;
  return JSON.stringify([
    type,
    version,
    subject,
    wall,
    mono,
    boot,
    actor.uid,
    actor.pid,
    correlation,
    causation,
  ]);
};
