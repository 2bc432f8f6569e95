import type { ExpressionScope } from '../../projections/expression-scope.ts';

export {
  type ExpressionScope,
  type ExpressionVariable,
  expressionVariables,
  Instant,
  Lookup,
} from '../../projections/expression-scope.ts';

/** What an expression says of a state: yes, no, or why neither (a key that is not there, a limit that was reached). */
export type Verdict = { readonly holds: boolean } | { readonly undecided: string };

/** A question to a state, ready to be asked many times. It can do nothing but read what the scope gives it. */
export type Predicate = (scope: ExpressionScope) => Verdict;

/** The language that questions are written in. */
export interface Expressions {
  /**
   * @param text at most {@link ExpressionLimits.characters}
   * @throws Rejection `invalid-argument` where it is none, is too long, or names what is not there
   */
  compile(text: string): Promise<Predicate>;
}

export const ExpressionLimits = {
  /** Length of an expression. */
  characters: 4096,
  /** How deep a part of an expression may stand in others. */
  depth: 64,
  /** Things that one evaluation may go over or look up. */
  steps: 1_000_000,
  /** How long one evaluation may take, in milliseconds. */
  time: 2_000,
} as const;
