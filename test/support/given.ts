import { expect } from 'vitest';
import type { z } from 'zod';
import { type Metadata, Subject } from '../../src/domain/envelope.ts';
import type { EventDefinition, Fact } from '../../src/domain/event.ts';
import { position, Timestamp } from '../../src/domain/identity.ts';
import { Rejection, type RejectionCode } from '../../src/domain/rejection.ts';
import {
  type Command,
  commandTables,
  type DomainEvent,
  decide,
  definitionOf,
  emptyWorld,
  type eventTables,
  evolve,
  subjectOf,
  type World,
} from '../../src/domain/world.ts';

// Specifications read as plain data: events and commands are written as they come in over the wire, and are checked by
// their schemas on the way.
type EventInputs<T extends Record<string, EventDefinition>> = {
  readonly [K in keyof T & string]: { readonly type: K; readonly data: z.input<T[K]['data']> };
}[keyof T & string];
type Tables = typeof eventTables;
export type EventInput = { readonly [K in keyof Tables]: EventInputs<Tables[K]> }[keyof Tables];

type CommandInputs<T extends Record<string, z.ZodType>> = {
  readonly [K in keyof T & string]: { readonly type: K } & z.input<T[K]>;
}[keyof T & string];
type Commands = typeof commandTables;
export type CommandInput = { readonly [K in keyof Commands]: CommandInputs<Commands[K]> }[keyof Commands];

/** @throws ZodError where the event is not one that could stand in a log */
export const eventFrom = ({ type, data }: EventInput): DomainEvent => {
  const definition = definitionOf(type);
  if (!definition) throw new TypeError(`no event is called ${type}`);
  return { type, data: definition.data.parse(data) } as DomainEvent;
};

const commandSchemas = new Map<string, z.ZodType>(
  Object.values(commandTables).flatMap((table) => Object.entries<z.ZodType>(table)),
);

/** @throws ZodError where the command would be refused at the edge */
export const commandFrom = ({ type, ...rest }: CommandInput): Command => {
  const schema = commandSchemas.get(type);
  if (!schema) throw new TypeError(`no command is called ${type}`);
  return { type, ...(schema.parse(rest) as object) } as Command;
};

/** Wall clock of the event at position 0, in microseconds; each later one comes a second after. */
export const START = 1_795_000_000_000_000;
export const wallAt = (n: number): Timestamp => Timestamp.parse(START + n * 1_000_000);

/** An event with its place; who and when follow from the place. */
export const factOf = (event: DomainEvent, at: number, meta: Partial<Metadata> = {}): Fact<DomainEvent> => ({
  ...event,
  position: position(BigInt(at)),
  subject: Subject.parse(subjectOf(event)),
  meta: {
    actor: { uid: 0, gid: 0, pid: 100, exe: '/usr/bin/shiplog', client: 'test' },
    time: { wall: wallAt(at), mono: at * 1_000_000, boot: 'boot-1' },
    correlation: `request-${at}`,
    ...meta,
  },
});

/** The log that a list of events makes. */
export const log = (...events: readonly EventInput[]): readonly Fact<DomainEvent>[] =>
  events.map((event, at) => factOf(eventFrom(event), at));

export const worldOf = (facts: readonly Fact<DomainEvent>[]): World => facts.reduce(evolve, emptyWorld);

/** `given(what happened).when(a command).thenHappens(what happens)`. */
export const given = (...past: readonly EventInput[]) => ({
  when: (command: CommandInput) => {
    const decision = decide(commandFrom(command), worldOf(log(...past)));
    return {
      thenHappens: (...events: readonly EventInput[]) => expect(decision).toEqual(events.map(eventFrom)),
      thenNothingHappens: () => expect(decision).toEqual([]),
      thenRefused: (code: RejectionCode, saying: RegExp) => {
        expect(decision).toBeInstanceOf(Rejection);
        expect(decision).toMatchObject({ code, message: expect.stringMatching(saying) });
      },
    };
  },
});

export const digest = (n: number): string => `sha256:${n.toString(16).padStart(64, '0')}`;
