import type { Actor } from '../domain/envelope.ts';
import type { Fact } from '../domain/event.ts';
import type { DomainEvent } from '../domain/world.ts';
import type { Cause } from './ports/cause.ts';

/** The daemon itself, where nobody asked. */
export const daemonActor = (pid: number, exe: string): Actor => ({
  uid: 0,
  gid: 0,
  pid,
  exe,
  client: 'shiplogd',
});

/** A cause for what follows from an event: the same correlation, and the event's position. */
export const following = (actor: Actor, fact: Fact<DomainEvent>): Cause => ({
  actor,
  correlation: fact.meta.correlation,
  causation: fact.position,
});
