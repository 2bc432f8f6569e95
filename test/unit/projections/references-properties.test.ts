import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Fact } from '../../../src/domain/event.ts';
import { Timestamp } from '../../../src/domain/identity.ts';
import { isRejection } from '../../../src/domain/rejection.ts';
import { type DomainEvent, decide, evolve, type World } from '../../../src/domain/world.ts';
import { collectable, type Garbage, removalCommands } from '../../../src/projections/gc.ts';
import {
  evolveReferences,
  noReferences,
  pathFromRoot,
  type References,
} from '../../../src/projections/references.ts';
import { type CommandInput, factOf, worldOf } from '../../support/given.ts';
import { logOf, referenceCommand } from '../domain/random-commands.ts';
import { markAndSweep, renamesIn } from './reachable.ts';

const commands = fc.array(referenceCommand, { minLength: 10, maxLength: 150, size: 'max' });
/** Before, between and after the times that labels say. */
const moments = fc
  .constantFrom('2000-12-31', '2001-01-01T12:00Z', '2002-01-01')
  .map((text) => Timestamp.parse(Date.parse(text) * 1000));
const fold = (facts: readonly Fact<DomainEvent>[]): References =>
  facts.reduce(evolveReferences, noReferences);
const subjectOfGarbage = (found: Garbage): string => {
  switch (found.kind) {
    case 'blob':
      return `blob/${found.namespace}/${found.digest}`;
    case 'snapshot':
      return `snapshot/${found.namespace}/${found.snapshotter}/${found.key}`;
    case 'ingest':
      return `ingest/${found.namespace}/${found.ref}`;
    default:
      return found satisfies never;
  }
};

/** Carries removals out one after the other. @throws where one is refused */
const carryOut = (facts: readonly Fact<DomainEvent>[], garbage: readonly Garbage[]) => {
  let world: World = worldOf(facts);
  const all = [...facts];
  for (const command of removalCommands(garbage)) {
    const decision = decide(command, world);
    if (isRejection(decision)) throw decision;
    for (const event of decision) {
      const fact = factOf(event, all.length);
      all.push(fact);
      world = evolve(world, fact);
    }
  }
  return { world, facts: all };
};

/** Gc never removes what is kept, nor tells a wrong story about it; random commands would. */
const honest = (command: CommandInput): CommandInput =>
  'cause' in command ? { ...command, cause: { by: 'request' } } : command;

describe('the reference projection', () => {
  it('finds what marking from the roots does not reach, at every position', () => {
    fc.assert(
      fc.property(commands, moments, (made, now) => {
        const facts = logOf(made);
        let state = noReferences;
        facts.forEach((fact, at) => {
          state = evolveReferences(state, fact);
          const past = facts.slice(0, at + 1);
          const { garbage } = markAndSweep(worldOf(past), renamesIn(past), now);
          expect(collectable(state, { now }).map(subjectOfGarbage).sort()).toEqual([...garbage].sort());
        });
      }),
      { numRuns: 60 },
    );
  });

  it('gives an order in which everything can be removed, and then finds nothing more', () => {
    fc.assert(
      fc.property(commands, fc.nat(6), (made, limit) => {
        const facts = logOf(made);
        const all = collectable(fold(facts));
        const done = carryOut(facts, all);
        expect(collectable(fold(done.facts))).toEqual([]);
        expect(markAndSweep(done.world, renamesIn(done.facts)).garbage).toEqual([]);
        const some = collectable(fold(facts), { limit });
        expect(some).toEqual(all.slice(0, limit));
        const rest = collectable(fold(carryOut(facts, some).facts));
        expect([...some, ...rest].map(subjectOfGarbage).sort()).toEqual(all.map(subjectOfGarbage).sort());
      }),
      { numRuns: 100 },
    );
  });

  it('tells of everything that was ever kept what freed it', () => {
    fc.assert(
      fc.property(commands, (made) => {
        const facts = logOf(made.map(honest));
        const lastKept = new Map<string, number>();
        facts.forEach((fact, at) => {
          const past = facts.slice(0, at + 1);
          if (fact.type === 'blob-committed' || fact.type === 'snapshot-prepared')
            lastKept.delete(fact.subject);
          if (fact.type === 'snapshot-committed') {
            lastKept.delete(`snapshot/${fact.data.namespace}/${fact.data.snapshotter}/${fact.data.name}`);
          }
          for (const subject of markAndSweep(worldOf(past), renamesIn(past)).reached)
            lastKept.set(subject, at);
        });
        for (const found of collectable(fold(facts))) {
          const kept = lastKept.get(subjectOfGarbage(found));
          if (kept === undefined) continue;
          expect(found.freedBy).toBeGreaterThan(BigInt(kept));
          expect(found.freedBy).toBeLessThan(BigInt(facts.length));
        }
      }),
      { numRuns: 40 },
    );
  });

  it('shows a shortest way from a root to what is kept, and none to what is not', () => {
    fc.assert(
      fc.property(commands, (made) => {
        const facts = logOf(made);
        const state = fold(facts);
        const { depth, garbage } = markAndSweep(worldOf(facts), renamesIn(facts));
        for (const { subject } of facts) {
          const path = pathFromRoot(state, subject);
          expect(path?.length).toBe(subject.startsWith('ingest/') ? path?.length : depth.get(subject));
          if (garbage.includes(subject)) expect(path).toBeUndefined();
          if (!path || path.length === 0) continue;
          expect(path.at(-1)?.to).toBe(subject);
          expect(path.slice(1).map(({ from }) => from)).toEqual(path.slice(0, -1).map(({ to }) => to));
          const first = state.nodes.get(path[0]?.from ?? '');
          expect(first?.root === true || first?.rootUntil !== undefined).toBe(true);
          for (const { since } of path) expect(since).toBeLessThan(BigInt(facts.length));
        }
      }),
      { numRuns: 80 },
    );
  });

  it('keeps its own books: edges out are edges in, no empty lists, nothing free that is kept', () => {
    fc.assert(
      fc.property(commands, (made) => {
        const state = fold(logOf(made));
        const out = [...state.nodes.values()].flatMap((node) => [...node.out.values()]);
        const lists = [...state.incoming.values(), ...state.pins.values()];
        const incoming = lists.flatMap((map) => [...map.values()]);
        expect(new Set(incoming)).toEqual(new Set(out));
        expect(incoming).toHaveLength(out.length);
        for (const map of [...lists, ...state.named.values()]) expect(map.size).toBeGreaterThan(0);
        for (const [subject, node] of state.nodes) {
          expect(state.free.has(subject)).toBe(!node.root && !state.incoming.has(subject));
        }
        for (const subject of [...state.free.keys(), ...state.suspects.keys()]) {
          expect(state.nodes.has(subject)).toBe(true);
        }
      }),
      { numRuns: 80 },
    );
  });
});
