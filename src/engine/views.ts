import type { Fact } from '../domain/event.ts';
import type { Position } from '../domain/identity.ts';
import { given, own } from '../domain/owned-map.ts';
import {
  type DomainEvent,
  emptyWorld,
  evolve,
  evolveDraft,
  type World,
  type WorldDraft,
} from '../domain/world.ts';
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

/** Views that one fold makes of many events: it alone has them, and changes them in place until they are asked for. */
export class ViewsDraft {
  #world: WorldDraft;
  #references: References;

  /** @param from are left as they are */
  constructor(from: Views) {
    this.#world = own({ ...from.world });
    this.#references = own(from.references);
  }

  take(fact: Fact<DomainEvent>): void {
    evolveDraft(this.#world, fact);
    this.#references = evolveReferences(this.#references, fact);
  }

  get position(): Position {
    return this.#world.position;
  }

  /** The views so far, which never change any more. */
  views(): Views {
    const views = { world: given<World>(this.#world), references: given(this.#references) };
    this.#world = own({ ...views.world });
    this.#references = own(views.references);
    return views;
  }
}
