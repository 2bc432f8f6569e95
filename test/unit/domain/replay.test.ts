import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Metadata, Subject } from '../../../src/domain/envelope.ts';
import type { Fact } from '../../../src/domain/event.ts';
import { position } from '../../../src/domain/identity.ts';
import { type DomainEvent, definitionOf, emptyWorld, evolve, type World } from '../../../src/domain/world.ts';
import { evolveReferences, noReferences } from '../../../src/projections/references.ts';
import { type EventInput, eventFrom, worldOf } from '../../support/given.ts';
import { plain } from '../../support/plain.ts';
import { anyCommand, logOf } from './random-commands.ts';

const commands = fc.array(anyCommand, { minLength: 20, maxLength: 120, size: 'max' });

/** As a log on disk gives it back. */
const reread = (fact: Fact<DomainEvent>): Fact<DomainEvent> => {
  const { type, data, subject, meta } = JSON.parse(
    JSON.stringify({ type: fact.type, data: fact.data, subject: fact.subject, meta: fact.meta }),
  ) as { type: string; data: unknown; subject: unknown; meta: unknown };
  return {
    ...eventFrom({ type, data } as EventInput),
    position: fact.position,
    subject: Subject.parse(subject),
    meta: Metadata.parse(meta),
  };
};

describe('a replay', () => {
  it('gives the state there was, at every position', () => {
    fc.assert(
      fc.property(commands, (made) => {
        const facts = logOf(made);
        let world: World = emptyWorld;
        facts.forEach((fact, at) => {
          expect(plain(worldOf(facts.slice(0, at)))).toEqual(plain(world));
          world = evolve(world, fact);
          expect(world.position).toBe(position(BigInt(at + 1)));
        });
        expect(plain(worldOf(facts))).toEqual(plain(world));
      }),
      { numRuns: 20 },
    );
  });

  it('gives the same state from a log that was written and read', () => {
    fc.assert(
      fc.property(commands, (made) => {
        const facts = logOf(made);
        const again = facts.map(reread);
        expect(plain(worldOf(again))).toEqual(plain(worldOf(facts)));
        expect(plain(again.reduce(evolveReferences, noReferences))).toEqual(
          plain(facts.reduce(evolveReferences, noReferences)),
        );
      }),
      { numRuns: 50 },
    );
  });

  it('leaves earlier states as they were', () => {
    fc.assert(
      fc.property(commands, (made) => {
        const states: { readonly world: World; readonly before: unknown }[] = [];
        let world: World = emptyWorld;
        for (const fact of logOf(made)) {
          states.push({ world, before: plain(world) });
          world = evolve(world, fact);
        }
        for (const { world: kept, before } of states) expect(plain(kept)).toEqual(before);
      }),
      { numRuns: 20 },
    );
  });
});

describe('every event that is decided', () => {
  it('satisfies its schema and names its subject', () => {
    fc.assert(
      fc.property(commands, (made) => {
        for (const { type, data, subject } of logOf(made)) {
          expect(definitionOf(type)?.data.parse(data)).toEqual(data);
          expect(Subject.safeParse(subject).success).toBe(true);
        }
      }),
      { numRuns: 50 },
    );
  });

  it('is counted where it adds to a namespace or takes from it', () => {
    fc.assert(
      fc.property(commands, (made) => {
        const world = worldOf(logOf(made));
        const counted = new Map<string, number>();
        for (const map of [
          world.content.blobs,
          world.image,
          world.snapshot,
          world.lease,
          world.sandbox.records,
          world.activation,
          world.container.byId,
        ]) {
          for (const { namespace } of map.values()) counted.set(namespace, (counted.get(namespace) ?? 0) + 1);
        }
        expect(new Map(world.population)).toEqual(counted);
      }),
      { numRuns: 50 },
    );
  });
});
