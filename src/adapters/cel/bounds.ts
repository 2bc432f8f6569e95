import { parse } from '@bufbuild/cel';

export type Expr = ReturnType<typeof parse>['expr'];

/** The function that every range of a comprehension is passed through, so that what goes over it is counted. */
export const RANGE = '@range';

/** Names of CEL's own types, which may stand where a variable does. */
const types = new Set([
  'bool',
  'int',
  'uint',
  'double',
  'string',
  'bytes',
  'list',
  'map',
  'null_type',
  'type',
  'google',
]);

/** A call of {@link RANGE} around an expression. CEL's grammar has no such name, so nobody else can call it. */
const counted = (range: Expr): Expr => {
  const { expr } = parse('range(0)');
  if (expr.exprKind.case !== 'callExpr') throw new TypeError('a call was parsed as something else');
  expr.exprKind.value.function = RANGE;
  expr.exprKind.value.args = [range];
  return expr;
};

const some = (...parts: readonly (Expr | undefined)[]): readonly Expr[] =>
  parts.filter((part) => part !== undefined);

const childrenOf = ({ exprKind: { case: kind, value } }: Expr): readonly Expr[] => {
  switch (kind) {
    case 'selectExpr':
      return some(value.operand);
    case 'callExpr':
      return some(value.target, ...value.args);
    case 'listExpr':
      return value.elements;
    case 'structExpr':
      return value.entries.flatMap(({ keyKind, value: item }) =>
        some(keyKind.case === 'mapKey' ? keyKind.value : undefined, item),
      );
    case 'comprehensionExpr':
      return some(value.iterRange, value.accuInit);
    default:
      return [];
  }
};

/**
 * Makes an expression countable, in place: every range is passed through {@link RANGE}.
 * @param names what may be named
 * @returns what is wrong with it, or undefined
 */
export const bounded = (expr: Expr, names: ReadonlySet<string>, depth: number): string | undefined => {
  if (depth === 0) return 'its parts stand too deep in one another';
  const { case: kind, value } = expr.exprKind;
  if (kind === 'identExpr' && !names.has(value.name) && !types.has(value.name)) {
    return `it names '${value.name}'; what may be named is ${[...names].filter((name) => !name.startsWith('@')).join(', ')}`;
  }
  for (const child of childrenOf(expr)) {
    const trouble = bounded(child, names, depth - 1);
    if (trouble !== undefined) return trouble;
  }
  if (kind !== 'comprehensionExpr') return undefined;
  const inner = new Set(
    [...names, value.accuVar, value.iterVar, value.iterVar2].filter((name) => name !== ''),
  );
  for (const part of some(value.loopCondition, value.loopStep, value.result)) {
    const trouble = bounded(part, inner, depth - 1);
    if (trouble !== undefined) return trouble;
  }
  if (value.iterRange !== undefined) value.iterRange = counted(value.iterRange);
  return undefined;
};
