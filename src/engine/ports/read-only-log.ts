import { throwError } from 'rxjs';
import type { Recorded } from '../../domain/envelope.ts';
import type { Position } from '../../domain/identity.ts';
import { Rejection } from '../../domain/rejection.ts';
import type { Log } from './log.ts';
import { matching } from './matching.ts';

/** What a log that nobody writes has of its own. */
export interface ReadOnlyParts {
  readonly horizon: Position;
  readonly durable: Position;
  /** The events from a position to another (exclusive), both of them in the log. */
  readonly batches: (from: Position, to: Position, backward: boolean) => AsyncIterable<readonly Recorded[]>;
  /** What whoever wants to change it, or waits for more, is told. */
  readonly refusal: string;
  /** What whoever reads from below the horizon is told. */
  readonly below: (from: Position) => string;
}

/** A log that ends where it ends. */
export const readOnlyLog = ({ horizon, durable, batches, refusal, below }: ReadOnlyParts): Log => {
  const refused = (): Rejection => new Rejection('failed-precondition', refusal);
  return {
    head: durable,
    durable,
    horizon,
    append: () => Promise.reject(refused()),
    async *read({ from = horizon, to = durable, backward = false, where } = {}) {
      if (from < horizon) throw new Rejection('failed-precondition', below(from));
      yield* matching(batches(from, to < durable ? to : durable, backward), where);
    },
    subscribe: () => throwError(refused),
    settled: (until) => (until <= durable ? Promise.resolve() : Promise.reject(refused())),
    close: () => Promise.resolve(),
  };
};
