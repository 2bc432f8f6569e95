import type { Fact } from '../domain/event.ts';
import type { Command, DomainEvent, World } from '../domain/world.ts';
import type { EffectInput, EffectName, EffectOutput } from './effects.ts';

/**
 * A workflow says what follows, as a coroutine: it yields steps and is given their outcomes. It touches nothing itself,
 * so a test runs it by answering its steps, and a simulation by answering them badly. A step that fails is thrown into
 * the workflow at the `yield*`; a cancelled workflow gets the cancellation at its next step, and its `finally` and
 * `catch` blocks still run to their end.
 */
export type Workflow<T> = Generator<Step, T, unknown>;

export type Step =
  /** Decide these commands together: one batch in the log, durable before the workflow goes on. */
  | { readonly step: 'dispatch'; readonly commands: readonly Command[] }
  | {
      readonly [K in EffectName]: {
        readonly step: 'perform';
        readonly effect: K;
        readonly input: EffectInput<K>;
      };
    }[EffectName]
  /** Run these at once, at most `limit` at a time; the first failure cancels the rest. */
  | { readonly step: 'all'; readonly branches: readonly Workflow<unknown>[]; readonly limit: number }
  /** The world as of the head of the log. */
  | { readonly step: 'look' };

/** @returns the facts that were recorded */
export function* dispatch(...commands: readonly Command[]): Workflow<readonly Fact<DomainEvent>[]> {
  return (yield { step: 'dispatch', commands }) as readonly Fact<DomainEvent>[];
}

export function* perform<K extends EffectName>(effect: K, input: EffectInput<K>): Workflow<EffectOutput<K>> {
  return (yield { step: 'perform', effect, input } as Step) as EffectOutput<K>;
}

export function* all<T>(
  branches: readonly Workflow<T>[],
  limit = Number.POSITIVE_INFINITY,
): Workflow<readonly T[]> {
  return (yield { step: 'all', branches, limit }) as readonly T[];
}

export function* look(): Workflow<World> {
  return (yield { step: 'look' }) as World;
}
