import type { Fact } from '../../domain/event.ts';
import { type DomainEvent, definitionOf } from '../../domain/world.ts';
import { summarise } from '../../projections/history.ts';
import type { ToldEvent } from '../ports/api.ts';

/** An event as callers see it. */
export const told = (fact: Fact<DomainEvent>): ToldEvent => ({
  position: fact.position,
  type: fact.type,
  version: definitionOf(fact.type)?.version ?? 1,
  subject: fact.subject,
  data: fact.data,
  meta: fact.meta,
  summary: summarise(fact),
});
