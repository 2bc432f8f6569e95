import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Subject } from '../../../src/domain/envelope.ts';
import type { Fact } from '../../../src/domain/event.ts';
import { position } from '../../../src/domain/identity.ts';
import { subjectsOf } from '../../../src/domain/log-query.ts';
import { type DomainEvent, emptyWorld, evolve } from '../../../src/domain/world.ts';
import { fieldsBetween, fieldsOf, stateOf, thingsBetween } from '../../../src/projections/changes.ts';
import { digest, log, worldOf } from '../../support/given.ts';
import { pastOf } from '../../support/past.ts';
import { anyCommand, logOf } from '../domain/random-commands.ts';

const commands = fc.array(anyCommand, { minLength: 20, maxLength: 80, size: 'max' });

const ingestOf = ({ type, data }: Fact<DomainEvent>): readonly Subject[] =>
  type === 'blob-committed' && data.ref !== undefined
    ? [Subject.parse(`ingest/${data.namespace}/${data.ref}`)]
    : [];

/** Every subject that a log ever named. */
const everySubject = (facts: readonly Fact<DomainEvent>[]): readonly Subject[] => [
  ...new Set(facts.flatMap((fact) => [...subjectsOf(fact), ...ingestOf(fact)])),
];

/** The event that last changed a field between two positions, by comparing the whole world after every event. */
const scanned = (facts: readonly Fact<DomainEvent>[], from: number, to: number, subject: Subject) => {
  const setters = new Map<string, bigint>();
  let world = worldOf(facts.slice(0, from));
  for (const fact of facts.slice(from, to)) {
    const next = evolve(world, fact);
    for (const { path } of fieldsBetween(stateOf(world, subject), stateOf(next, subject))) {
      setters.set(path, fact.position);
    }
    world = next;
  }
  return setters;
};

describe('changes between two states', () => {
  it('are those of the things whose state is not equal', () => {
    fc.assert(
      fc.property(commands, fc.nat(), fc.nat(), (made, one, other) => {
        const facts = logOf(made);
        const [from, to] = [one, other].map((n) => n % (facts.length + 1)).sort((a, b) => a - b) as [
          number,
          number,
        ];
        const [before, after] = [worldOf(facts.slice(0, from)), worldOf(facts.slice(0, to))];
        const changed = everySubject(facts).filter(
          (subject) => fieldsBetween(stateOf(before, subject), stateOf(after, subject)).length > 0,
        );
        const told = [...thingsBetween(before, after)].filter(
          (subject) => fieldsBetween(stateOf(before, subject), stateOf(after, subject)).length > 0,
        );
        expect(told.sort()).toEqual([...changed].sort());
      }),
      { numRuns: 60 },
    );
  });

  it('name fields by their paths', () => {
    const image = (labels: Record<string, string>, size: number) => ({
      namespace: 'default',
      name: 'docker.io/library/a:latest',
      target: { mediaType: 'application/x', digest: digest(1), size },
      labels,
    });
    const facts = log(
      { type: 'image-created', data: image({ 'io.tier': 'front', plain: 'x' }, 7) },
      { type: 'image-updated', data: image({ 'io.tier': 'back' }, 7) },
      { type: 'lease-created', data: { namespace: 'default', id: 'l', labels: {} } },
      {
        type: 'lease-resource-added',
        data: { namespace: 'default', id: 'l', resource: { type: 'content', id: digest(1) } },
      },
    );
    const subject = Subject.parse('image/default/docker.io/library/a:latest');
    const [one, two] = [worldOf(facts.slice(0, 1)), worldOf(facts.slice(0, 2))];
    expect(fieldsBetween(stateOf(one, subject), stateOf(two, subject))).toMatchObject([
      { path: 'labels["io.tier"]', before: 'front', after: 'back' },
      { path: 'labels.plain', before: 'x' },
      { path: 'updatedAt' },
    ]);
    const lease = stateOf(worldOf(facts), Subject.parse('lease/default/l'));
    expect(fieldsOf(lease).get(`resources["content/${digest(1)}"].type`)).toBe('content');
    expect(fieldsOf(lease).get('labels')).toEqual({});
    expect([...thingsBetween(emptyWorld, one)]).toEqual([subject]);
  });
});

describe('a diff of the log', () => {
  it('turns the first state into the second, and names the last event that changed each field', async () => {
    await fc.assert(
      fc.asyncProperty(commands, fc.nat(), fc.nat(), async (made, one, other) => {
        const facts = logOf(made);
        const [from, to] = [one, other].map((n) => n % (facts.length + 1)).sort((a, b) => a - b) as [
          number,
          number,
        ];
        const [before, after] = [worldOf(facts.slice(0, from)), worldOf(facts.slice(0, to))];
        const changed = new Set<string>();
        const at = (n: number) => ({ position: position(BigInt(n)) });
        for await (const { subject, fields, events } of (await pastOf(facts)).diff({
          from: at(from),
          to: at(to),
        })) {
          changed.add(subject);
          const state = new Map(fieldsOf(stateOf(before, subject)));
          const setters = scanned(facts, from, to, subject);
          for (const change of fields) {
            expect(state.get(change.path)).toEqual(change.before);
            if ('after' in change) state.set(change.path, change.after);
            else state.delete(change.path);
            expect(change.by).toBe(setters.get(change.path));
          }
          expect(state).toEqual(new Map(fieldsOf(stateOf(after, subject))));
          expect(new Set(events.map((event) => event.position))).toEqual(new Set(fields.map(({ by }) => by)));
        }
        for (const subject of everySubject(facts)) {
          const same = fieldsBetween(stateOf(before, subject), stateOf(after, subject)).length === 0;
          expect(changed.has(subject)).toBe(!same);
        }
      }),
      { numRuns: 25 },
    );
  });
});

describe('blame', () => {
  it('names the event that a scan of the whole log finds, for every field of every thing', async () => {
    await fc.assert(
      fc.asyncProperty(commands, async (made) => {
        const facts = logOf(made);
        const world = worldOf(facts);
        const past = await pastOf(facts);
        for (const subject of everySubject(facts)) {
          const state = stateOf(world, subject);
          if (state === undefined) continue;
          const setters = scanned(facts, 0, facts.length, subject);
          const namespace = subject.split('/')[1] as Parameters<typeof past.blame>[0]['namespace'];
          const { fields } = await past.blame({ namespace, thing: subject });
          expect(new Map(fields.map(({ path, by }) => [path, by?.position]))).toEqual(
            new Map([...fieldsOf(state).keys()].map((path) => [path, setters.get(path)])),
          );
        }
      }),
      { numRuns: 15 },
    );
  });
});
