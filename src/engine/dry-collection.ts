import type { Fact } from '../domain/event.ts';
import type { Timestamp } from '../domain/identity.ts';
import { isRejection } from '../domain/rejection.ts';
import { type Command, type DomainEvent, decide, subjectOf } from '../domain/world.ts';
import { collectable, removalCommands } from '../projections/gc.ts';
import { ingestAge } from './collector.ts';
import { evolveViews, type Views } from './views.ts';

/** Nobody asks for what is only tried. */
const untold = { actor: { uid: 0, gid: 0, pid: 0, exe: '', client: '' }, correlation: '' };

/** The events that commands would make, and the views after them. */
const tried = (
  views: Views,
  commands: readonly Command[],
  now: Timestamp,
): { readonly facts: readonly Fact<DomainEvent>[]; readonly views: Views } => {
  const facts: Fact<DomainEvent>[] = [];
  let after = views;
  for (const command of commands) {
    const decision = decide(command, after.world);
    if (isRejection(decision)) throw decision;
    for (const event of decision) {
      const meta = { ...untold, time: { wall: now, mono: 0, boot: '' } };
      const fact = { ...event, position: after.world.position, subject: subjectOf(event), meta };
      facts.push(fact);
      after = evolveViews(after, fact);
    }
  }
  return { facts, views: after };
};

/**
 * What a collection would remove: the same steps as the collector's, on a copy of the state that nobody else sees.
 * @param now for leases that have expired and for writes that were given up
 * @returns the removals, in order
 */
export const wouldCollect = (views: Views, now: Timestamp): readonly Fact<DomainEvent>[] => {
  const expired = tried(views, [{ type: 'expire-leases', now }], now).views;
  const garbage = collectable(expired.references, { ingestsBefore: (now - ingestAge) as Timestamp, now });
  return tried(expired, removalCommands(garbage), now).facts;
};
