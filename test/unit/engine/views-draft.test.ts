import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hostHistory } from '../../../bench/rig/host-history.ts';
import type { Fact } from '../../../src/domain/event.ts';
import { position } from '../../../src/domain/identity.ts';
import { type DomainEvent, eventTables } from '../../../src/domain/world.ts';
import { factOf } from '../../../src/engine/facts.ts';
import { emptyViews, evolveViews, type Views, ViewsDraft } from '../../../src/engine/views.ts';
import { type EventInput, log } from '../../support/given.ts';
import { plain } from '../../support/plain.ts';
import { anyCommand, logOf } from '../domain/random-commands.ts';

/** Views after facts, made in place, with the draft given away and taken up again after every `stretch` of them. */
const drafted = (facts: readonly Fact<DomainEvent>[], stretch: number, from: Views = emptyViews): Views => {
  const draft = new ViewsDraft(from);
  for (const [at, fact] of facts.entries()) {
    draft.take(fact);
    if (at % stretch === 0) draft.views();
  }
  return draft.views();
};

describe('views that are made in place', () => {
  it('are those that are made event by event, and leave those they were made from as they were', () => {
    const commands = fc.array(anyCommand, { minLength: 20, maxLength: 120, size: 'max' });
    fc.assert(
      fc.property(commands, fc.integer({ min: 1, max: 40 }), (made, stretch) => {
        const facts = logOf(made);
        const half = facts.length >> 1;
        const from = facts.slice(0, half).reduce(evolveViews, emptyViews);
        const before = plain(from);
        const expected = plain(facts.slice(half).reduce(evolveViews, from));
        expect(plain(drafted(facts.slice(half), stretch, from))).toEqual(expected);
        expect(plain(from)).toEqual(before);
        expect(plain(drafted(facts, stretch))).toEqual(expected);
      }),
      { numRuns: 60 },
    );
  });

  it('are the same for the history of a busy host', () => {
    const facts = [...hostHistory(4000, { containers: 20, images: 10 })]
      .flat()
      .map((event, at) => factOf({ ...event, position: position(BigInt(at)) }));
    const expected = plain(facts.reduce(evolveViews, emptyViews));
    for (const stretch of [1, 97, 5000]) expect(plain(drafted(facts, stretch))).toEqual(expected);
  });

  it('are the same for events of every kind, each twice and on top of all others', () => {
    const examples = Object.values(eventTables).flatMap((table) =>
      Object.entries(table).map(([type, { example }]) => ({ type, data: example }) as EventInput),
    );
    const facts = log(...examples, ...examples, ...[...examples].reverse(), ...examples);
    const expected = plain(facts.reduce(evolveViews, emptyViews));
    for (const stretch of [1, 7, 1000]) expect(plain(drafted(facts, stretch))).toEqual(expected);
  });
});
