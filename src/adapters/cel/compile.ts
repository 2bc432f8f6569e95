import {
  type CelInput,
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
  type ExpressionVariable,
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
  /** Steps since the clock was looked at. */
  #unseen = 0;

  renew(): void {
    this.#left = ExpressionLimits.steps;
    this.#deadline = performance.now() + ExpressionLimits.time;
  }

  readonly spend: Count = (steps) => {
    this.#left -= Math.max(1, steps);
    if (this.#left < 0) throw new Error(`it takes more than ${ExpressionLimits.steps} steps`);
    this.#unseen += 1;
    if (this.#unseen < 256) return;
    this.#unseen = 0;
    if (performance.now() > this.#deadline) throw new Error(`it takes more than ${ExpressionLimits.time} ms`);
  };
}

const sizeOf = (range: CelValue): number => (isCelList(range) || isCelMap(range) ? range.size : 1);

/** The variables, each made at its first mention. */
class Bindings {
  readonly #scope: ExpressionScope;
  readonly #count: Count;
  readonly #made = new Map<ExpressionVariable, CelInput>();

  constructor(scope: ExpressionScope, count: Count) {
    this.#scope = scope;
    this.#count = count;
  }

  value(name: ExpressionVariable): CelInput {
    const made = this.#made.get(name);
    if (made !== undefined) return made;
    const value = celValue(this.#scope[name](), this.#count);
    this.#made.set(name, value);
    return value;
  }
}
for (const name of expressionVariables) {
  Object.defineProperty(Bindings.prototype, name, {
    get(this: Bindings) {
      return this.value(name);
    },
  });
}

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
    const value = evaluate(
      new Bindings(scope, budget.spend) as unknown as Record<ExpressionVariable, CelInput>,
    );
    if (isCelError(value)) return { undecided: value.message };
    if (typeof value === 'boolean') return { holds: value };
    throw invalid(text, 'it gives a value that is neither true nor false; compare it with something');
  };
};
