import type { z } from 'zod';
import type { Metadata, Subject } from './envelope.ts';
import type { Position } from './identity.ts';

/** Which of the three orders an event stands in; `record` events only state a fact or change a record. */
export type DurabilityOrder = 'making' | 'removing' | 'intent' | 'outcome' | 'record';

/** One kind of event. Its name and its fields are the storage format: a change of shape is a new version. */
export interface EventDefinition<D extends z.ZodType = z.ZodType> {
  readonly version: number;
  readonly order: DurabilityOrder;
  /** What it states, in one sentence, for docs/events.md. */
  readonly says: string;
  readonly data: D;
  readonly example: z.input<D>;
  /** How data of version 1 becomes version 2, and so on to `version`: one step fewer than there are versions. */
  readonly upcasts?: readonly ((data: unknown) => unknown)[];
}

export const defineEvent = <D extends z.ZodType>(definition: EventDefinition<D>): EventDefinition<D> =>
  definition;

/** The union of the events that a table of definitions describes. */
export type EventsOf<T extends Record<string, EventDefinition>> = {
  readonly [K in keyof T & string]: { readonly type: K; readonly data: z.output<T[K]['data']> };
}[keyof T & string];

/** An event as a fold sees it: with its place, its subject, and who, when and why. */
export type Fact<E> = E & {
  readonly position: Position;
  readonly subject: Subject;
  readonly meta: Metadata;
};

/** The union of the commands that a table of schemas describes. */
export type CommandsOf<T extends Record<string, z.ZodType>> = {
  readonly [K in keyof T & string]: { readonly type: K } & z.output<T[K]>;
}[keyof T & string];
