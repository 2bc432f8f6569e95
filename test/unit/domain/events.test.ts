import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
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

/** Events as the first released version wrote them. The file is never changed, but for lines added. */
const golden = readFileSync(join(import.meta.dirname, 'golden/v1.jsonl'), 'utf8')
  .trimEnd()
  .split('\n')
  .map(
    (line) =>
      JSON.parse(line) as { type: string; version: number; subject: string; data: unknown; meta: unknown },
  );

describe('the storage format', () => {
  it('has a written line for every type of version 1', () => {
    const types = definitions.filter(([, { version }]) => version === 1).map(([type]) => type);
    expect(golden.map(({ type }) => type).sort()).toEqual([...types].sort());
  });
  it.each(golden)('reads $type as it was written', ({ type, version, subject, data, meta }) => {
    expect(version).toBe(1);
    const event = eventFrom({ type, data } as EventInput);
    expect(event.data).toEqual(data);
    expect(subjectOf(event)).toBe(subject);
    expect(Subject.parse(subject)).toBe(subject);
    expect(Metadata.parse(meta)).toEqual(meta);
  });
  it('folds the written lines in order', () => {
    const world = golden.reduce(
      (state, { type, data, subject, meta }) =>
        evolve(state, {
          ...eventFrom({ type, data } as EventInput),
          position: state.position,
          subject: Subject.parse(subject),
          meta: Metadata.parse(meta),
        }),
      emptyWorld,
    );
    expect(world.position).toBe(position(BigInt(golden.length)));
  });
});
