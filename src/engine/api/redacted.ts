import type { Fact } from '../../domain/event.ts';
import { type Position, position } from '../../domain/identity.ts';
import type { DomainEvent } from '../../domain/world.ts';
import type { ToldEvent } from '../ports/api.ts';
import { type Engine, shown } from './engine.ts';
import { factsIn } from './subjects.ts';
import { told } from './told.ts';

/** An event as callers see it, with a mark where texts were taken out of it. */
export const toldAsIs = async (engine: Engine, fact: Fact<DomainEvent>): Promise<ToldEvent> => {
  if (!shown(engine).keeping.redactions.has(String(fact.position))) return told(fact);
  const redactedBy = await lastRedaction(engine, fact.position);
  return redactedBy === undefined ? told(fact) : { ...told(fact), redactedBy };
};

/** Redactions are few, and the log's index has their type. */
const lastRedaction = async (engine: Engine, at: Position): Promise<Position | undefined> => {
  const where = { types: ['payload-redacted'] };
  for await (const fact of factsIn(engine, { from: position(at + 1n), where, backward: true })) {
    if (fact.type === 'payload-redacted' && fact.data.position === String(at)) return fact.position;
  }
  return undefined;
};
