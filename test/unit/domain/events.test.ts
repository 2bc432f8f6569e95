import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { fingerprint } from '../../../scripts/golden-events.ts';
import { Metadata, Subject } from '../../../src/domain/envelope.ts';
import type { EventDefinition } from '../../../src/domain/event.ts';
import { position } from '../../../src/domain/identity.ts';
import {
  commandTables,
  type DomainEvent,
  decide,
  definitionOf,
  emptyWorld,
  eventTables,
  evolve,
  subjectOf,
} from '../../../src/domain/world.ts';
import { factOf as recordedFact } from '../../../src/engine/ledger.ts';
import { evolveReferences, noReferences } from '../../../src/projections/references.ts';
import { type EventInput, eventFrom, factOf } from '../../support/given.ts';

const definitions: readonly (readonly [string, EventDefinition])[] = Object.values(eventTables).flatMap(
  (table) => Object.entries<EventDefinition>(table),
);

describe.each(definitions)('%s', (type, definition) => {
  const fact = () => factOf(eventFrom({ type, data: definition.example } as EventInput), 0);

  it('has an example that its schema takes as it is', () => {
    expect(definition.data.parse(definition.example)).toEqual(definition.example);
  });
  it('folds into an empty world', () => {
    expect(evolve(emptyWorld, fact()).position).toBe(1n);
    expect(evolveReferences(noReferences, fact())).toBeDefined();
  });
  it('says what it states, in a sentence', () => {
    expect(definition.says).toMatch(/^[A-Z].*\.$/);
    expect(definition.version).toBeGreaterThan(0);
    expect(definitionOf(type)).toBe(definition);
  });
});

describe('the tables', () => {
  it('call nothing by the same name twice', () => {
    const events = definitions.map(([type]) => type);
    expect(new Set(events).size).toBe(events.length);
    const commands = Object.values(commandTables).flatMap((table) => Object.keys(table));
    expect(new Set(commands).size).toBe(commands.length);
  });
  it('refuse what they do not know', () => {
    const unknown = { type: 'cargo-lost', data: {} } as unknown as DomainEvent;
    expect(definitionOf('cargo-lost')).toBeUndefined();
    expect(() => subjectOf(unknown)).toThrow(/'cargo-lost' is no kind of event or command/);
    expect(() => decide(unknown as never, emptyWorld)).toThrow(/'cargo-lost' is no kind/);
  });
});

/** Events as released versions wrote them. The file is never changed, but for lines added (`npm run golden`). */
const goldenDirectory = join(import.meta.dirname, '../../golden');
const Line = z.object({
  type: z.string(),
  version: z.number(),
  subject: Subject,
  data: z.unknown(),
  meta: Metadata,
});
const golden = readFileSync(join(goldenDirectory, 'events.jsonl'), 'utf8')
  .trimEnd()
  .split('\n')
  .map((line, n) => ({ ...Line.parse(JSON.parse(line)), position: position(BigInt(n)) }));
const known = z
  .record(z.string(), z.string())
  .parse(JSON.parse(readFileSync(join(goldenDirectory, 'shapes.json'), 'utf8')));

describe('the storage format', () => {
  it('has a written line for every type and version; `npm run golden` adds those of new ones', () => {
    const written = golden.map(({ type, version }) => `${type}@${version}`);
    const due = definitions.flatMap(([type, { version }]) =>
      Array.from({ length: version }, (_, n) => `${type}@${n + 1}`),
    );
    expect([...written].sort()).toEqual([...due].sort());
  });
  it.each(definitions)('gives %s a new version, and a way up to it, where its shape changes', (type, now) => {
    expect(known[`${type}@${now.version}`]).toBe(fingerprint(now));
    expect(now.upcasts?.length ?? 0).toBe(now.version - 1);
  });
  it.each(golden)('reads $type of version $version as it was written', (line) => {
    const fact = recordedFact(line);
    const data = definitionOf(line.type)?.data.parse(fact.data);
    expect(data).toEqual(fact.data);
    expect(subjectOf(fact)).toBe(line.subject);
  });
  it('folds the written lines in order', () => {
    const world = golden.reduce((state, line) => evolve(state, recordedFact(line)), emptyWorld);
    expect(world.position).toBe(position(BigInt(golden.length)));
  });
});
