import type { Fact } from '../../../domain/event.ts';
import { type Position, position } from '../../../domain/identity.ts';
import type { DomainEvent } from '../../../domain/world.ts';
import { causesOf } from '../../../projections/causes.ts';
import { CauseLimits, type CauseTree } from '../../ports/time-api.ts';
import type { Engine } from '../engine.ts';
import { told } from '../told.ts';
import { factAt, factsOf } from './reading.ts';

type Facts = Map<Position, Fact<DomainEvent>>;

/** The tree around an event. */
export const causes = async (engine: Engine, at: Position): Promise<CauseTree> => {
  const found: Facts = new Map();
  const notes: string[] = [];
  const root = await upFrom(engine, at, found, notes);
  // A request may have several heads: what was decided first, before anything led to anything.
  const heads = { correlations: [root.meta.correlation] };
  for await (const fact of factsOf(engine, { where: heads })) {
    if (found.size >= CauseLimits.events) break;
    if (fact.meta.causation === undefined) found.set(fact.position, fact);
  }
  await downFrom(engine, found, notes);
  const tree = causesOf(found.values(), CauseLimits.width);
  return {
    nodes: tree.map(({ fact, ...rest }) => ({ event: told(fact), ...rest })),
    note: notes.join('; '),
  };
};

/** Follows causes to the first; all of them are found. @returns the first */
const upFrom = async (
  engine: Engine,
  at: Position,
  found: Facts,
  notes: string[],
): Promise<Fact<DomainEvent>> => {
  let fact = await factAt(engine, at);
  found.set(fact.position, fact);
  for (let depth = 0; fact.meta.causation !== undefined; depth++) {
    const cause = position(BigInt(fact.meta.causation));
    if (cause < engine.ports.log.horizon) {
      const { prunedInto } = engine.ledger.durable.world.keeping;
      const where = prunedInto.length === 0 ? 'in no archive' : `archived in ${prunedInto.join(', ')}`;
      notes.push(
        `the cause at position ${cause} was pruned: the log begins at ${engine.ports.log.horizon}, and what was before is ${where}`,
      );
      break;
    }
    if (depth === CauseLimits.depth) {
      notes.push(
        `causes are followed ${CauseLimits.depth} events up; ask again for position ${fact.position}`,
      );
      break;
    }
    fact = await factAt(engine, cause);
    found.set(fact.position, fact);
  }
  return fact;
};

/** Finds the effects of what was found, theirs, and so on. */
const downFrom = async (engine: Engine, found: Facts, notes: string[]): Promise<void> => {
  let level = [...found.keys()];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth === CauseLimits.depth) {
      notes.push(`effects are followed ${CauseLimits.depth} events down`);
      return;
    }
    const next: Position[] = [];
    for await (const fact of factsOf(engine, { where: { causes: level } })) {
      if (found.has(fact.position)) continue;
      if (found.size >= CauseLimits.events) {
        notes.push(`only ${CauseLimits.events} events are shown; ask for a later position to see more`);
        return;
      }
      found.set(fact.position, fact);
      next.push(fact.position);
    }
    level = next;
  }
};
