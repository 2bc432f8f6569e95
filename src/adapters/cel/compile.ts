import {
  CelScalar,
  type CelValue,
  celEnv,
  celFunc,
  isCelError,
  isCelList,
  isCelMap,
  parse,
  plan,
} from '@bufbuild/cel';
import { Rejection } from '../../domain/rejection.ts';
import {
  ExpressionLimits,
  type ExpressionScope,
  expressionVariables,
  type Predicate,
} from '../../engine/ports/expressions.ts';
import { bounded, RANGE } from './bounds.ts';
import { type Count, celValue } from './values.ts';

const shortened = (text: string): string => (text.length > 200 ? `${text.slice(0, 200)}…` : text);

const invalid = (text: string, why: string): Rejection =>
  new Rejection('invalid-argument', `the expression '${shortened(text)}' can't be used: ${why}`);

const parsed = (text: string) => {
  try {
    return parse(text);
  } catch (error) {
    throw invalid(text, error instanceof Error ? error.message : String(error));
  }
};

/** Steps and time of one evaluation. */
class Budget {
  #left: number = ExpressionLimits.steps;
  #deadline = 0;

  renew(): void {
    this.#left = ExpressionLimits.steps;
    this.#deadline = performance.now() + ExpressionLimits.time;
  }

  readonly spend: Count = (steps) => {
    this.#left -= Math.max(1, steps);
    if (this.#left < 0) throw new Error(`it takes more than ${ExpressionLimits.steps} steps`);
    if (performance.now() > this.#deadline) throw new Error(`it takes more than ${ExpressionLimits.time} ms`);
  };
}

const sizeOf = (range: CelValue): number => (isCelList(range) || isCelMap(range) ? range.size : 1);

/** The variables, each made once at the first mention. */
const bindings = (scope: ExpressionScope, count: Count): Record<string, never> => {
  const bound = {};
  for (const name of expressionVariables) {
    let value: unknown;
    Object.defineProperty(bound, name, {
      enumerable: true,
      get: () => {
        value ??= celValue(scope[name](), count);
        return value;
      },
    });
  }
  return bound;
};

/** @throws Rejection `invalid-argument` */
export const compileCel = (text: string): Predicate => {
  const tree = parsed(text);
  const trouble = bounded(tree.expr, new Set(expressionVariables), ExpressionLimits.depth);
  if (trouble !== undefined) throw invalid(text, trouble);
  const budget = new Budget();
  const range = celFunc(RANGE, [CelScalar.DYN], CelScalar.DYN, (value) => {
    budget.spend(sizeOf(value));
    return value;
  });
  const evaluate = plan(celEnv({ funcs: [range] }), tree);
  return (scope) => {
    budget.renew();
    const value = evaluate(bindings(scope, budget.spend));
    if (isCelError(value)) return { undecided: value.message };
    if (typeof value === 'boolean') return { holds: value };
    throw invalid(text, 'it gives a value that is neither true nor false; compare it with something');
  };
};
