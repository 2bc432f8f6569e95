import type { Fact } from '../domain/event.ts';
import { type DomainEvent, emptyWorld, evolve, type World } from '../domain/world.ts';
import { evolveReferences, noReferences, type References } from '../projections/references.ts';

/** Everything that is folded from the log and kept in memory, as of one position. */
export interface Views {
  readonly world: World;
  readonly references: References;
}

export const emptyViews: Views = { world: emptyWorld, references: noReferences };

export const evolveViews = ({ world, references }: Views, fact: Fact<DomainEvent>): Views => ({
  world: evolve(world, fact),
  references: evolveReferences(references, fact),
});
