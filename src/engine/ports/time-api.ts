import type { Subject } from '../../domain/envelope.ts';
import type { Namespace, Position } from '../../domain/identity.ts';
import type { Part } from '../../projections/causes.ts';
import type { FieldChange } from '../../projections/changes.ts';
import type { At } from './at.ts';
import type { ToldEvent } from './told-event.ts';

/**
 * What the past tells: a moment is a position (the state before the event there) or a time, and is the present where it
 * is absent. Nothing here touches the world, whatever is asked. A moment to come, or before the log's horizon, is
 * refused.
 */
export interface TimeApi {
  /** What is not the same at two moments, thing by thing, in the order of subjects. */
  diff(query: DiffQuery, signal?: AbortSignal): AsyncIterable<ThingChange>;
  /** The event that set each field of a thing. @throws Rejection `not-found` where there is no such thing or field */
  blame(query: BlameQuery): Promise<Blame>;
  /** What led to an event, and what it led to. @throws Rejection `not-found` where no event has that position */
  causes(query: { readonly position: Position }): Promise<CauseTree>;
  /** The first event after which an expression holds. */
  bisect(query: BisectQuery, signal?: AbortSignal): Promise<Bisected>;
  /** Events with the state after each, in order; with `backward` from the last one back. */
  steps(query: StepsQuery, signal?: AbortSignal): AsyncIterable<Step>;
  /** The state at a moment. */
  state(query: StateQuery): Promise<State>;
}

/** What all questions about things have: where a text is to be understood, and when. */
interface Named {
  readonly namespace: Namespace;
  /** An id, a name, a digest, a snapshot key, or a subject. */
  readonly thing: string;
}

export interface DiffQuery {
  readonly from?: At;
  readonly to?: At;
  readonly thing?: Named;
}

/** A field that changed, and the position of the last event in between that changed it. */
export interface DatedChange extends FieldChange {
  readonly by?: Position;
}

export interface ThingChange {
  readonly subject: Subject;
  readonly change: 'added' | 'removed' | 'changed';
  readonly fields: readonly DatedChange[];
  /** The events that the fields name, in order. */
  readonly events: readonly ToldEvent[];
}

export interface BlameQuery extends Named {
  readonly field?: string;
  readonly at?: At;
}

export interface Blame {
  readonly subject: Subject;
  readonly at: Position;
  /** `by` is absent where the field was set before the log's horizon. */
  readonly fields: readonly { readonly path: string; readonly value: unknown; readonly by?: ToldEvent }[];
}

/** Roots first, each event directly above its effects. */
export interface CauseTree {
  readonly nodes: readonly {
    readonly event: ToldEvent;
    readonly depth: number;
    readonly part: Part;
    /** How many effects of it are left out. */
    readonly left: number;
  }[];
  /** What was left out and why; empty where the tree is whole. */
  readonly note: string;
}

export const CauseLimits = {
  /** Events in one tree. */
  events: 2_000,
  /** Effects that are shown of one event. */
  width: 200,
  /** Causes that are followed up to the root, and effects down from it. */
  depth: 256,
} as const;

export interface BisectQuery {
  readonly namespace: Namespace;
  readonly expression: string;
  readonly from?: At;
  readonly to?: At;
  /** Asks at every position in order; else by halving, which takes it that the expression turns true once. */
  readonly linear: boolean;
}

/** What an expression said of the state before the event at a position. */
export interface Asked {
  readonly at: Position;
  readonly holds: boolean;
  /** Why it says neither yes nor no; it counts as no. */
  readonly undecided?: string;
}

export interface Bisected {
  /** Absent where it never turns true, or holds from the beginning on. */
  readonly event?: ToldEvent;
  readonly before: Asked;
  readonly after: Asked;
  /** How many states were asked. */
  readonly states: number;
}

export interface StepsQuery {
  readonly namespace: Namespace;
  readonly from?: At;
  readonly to?: At;
  /** Only events about it, with its state; else every event, with a summary of the world. */
  readonly thing?: string;
  /** Only events of these types. */
  readonly types: readonly string[];
  /** Only events after which it holds. */
  readonly expression?: string;
  readonly backward: boolean;
  /** How many at most. */
  readonly limit?: number;
}

export interface Step {
  readonly event: ToldEvent;
  readonly state: State;
  /** What the event changed of the thing. */
  readonly changes: readonly FieldChange[];
}

export interface StateQuery {
  readonly namespace: Namespace;
  readonly at?: At;
  readonly thing?: string;
}

export interface State {
  /** Events below it have happened. */
  readonly at: Position;
  /** The thing that was asked for. */
  readonly subject?: Subject;
  /** The thing as JSON has it, undefined where it was not there; without a thing, counts of what there was. */
  readonly value: unknown;
}
