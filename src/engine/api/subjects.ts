import type { Subject } from '../../domain/envelope.ts';
import type { Fact } from '../../domain/event.ts';
import type { Namespace } from '../../domain/identity.ts';
import { Rejection } from '../../domain/rejection.ts';
import type { DomainEvent, World } from '../../domain/world.ts';
import { queriesForRemoved, removedSubjects, resolveThing } from '../../projections/things.ts';
import { factOf } from '../ledger.ts';
import type { LogRange } from '../ports/log.ts';
import { type Engine, orThrow } from './engine.ts';

/** Durable facts of a stretch of the log, in order. */
export async function* factsIn(engine: Engine, range: LogRange): AsyncGenerator<Fact<DomainEvent>> {
  for await (const batch of engine.ports.log.read(range)) {
    for (const recorded of batch) yield factOf(recorded);
  }
}

/**
 * The subjects that a text means in a world: things that are there, else things that were gone by then.
 * @throws Rejection `not-found` where the log had not heard of it up to the world's position
 */
export const subjectsIn = async (
  engine: Engine,
  world: World,
  namespace: Namespace,
  thing: string,
): Promise<ReadonlySet<Subject>> => {
  const here = orThrow(resolveThing(world, namespace, thing));
  if (here.length > 0) return new Set(here);
  const meant = removedSubjects(thing);
  for (const where of queriesForRemoved(world, namespace, thing)) {
    const gone = new Set<Subject>();
    for await (const fact of factsIn(engine, { to: world.position, where })) {
      for (const subject of meant(fact)) gone.add(subject);
    }
    if (gone.size > 0) return gone;
  }
  const then =
    world.position === engine.ledger.durable.world.position ? '' : ` before position ${world.position}`;
  throw new Rejection(
    'not-found',
    `the log knows nothing called '${thing}' in namespace '${namespace}'${then}; give an id, a name, a digest or a key${prunedNote(engine)}`,
  );
};

/** What was before the horizon may have been it. */
const prunedNote = ({ ports, ledger }: Engine): string => {
  const { horizon } = ports.log;
  if (horizon === 0n) return '';
  const { prunedInto } = ledger.durable.world.keeping;
  const where = prunedInto.length === 0 ? 'in no archive' : `archived in ${prunedInto.join(', ')}`;
  return `. The log begins at position ${horizon}; what was before is ${where}`;
};
