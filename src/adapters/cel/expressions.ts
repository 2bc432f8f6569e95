import { Rejection } from '../../domain/rejection.ts';
import { ExpressionLimits, type Expressions } from '../../engine/ports/expressions.ts';

/** Expressions in CEL, the Common Expression Language. The evaluator is loaded when the first one is compiled. */
export const createExpressions = (): Expressions => ({
  compile: async (text) => {
    if (text.length > ExpressionLimits.characters) {
      throw new Rejection(
        'invalid-argument',
        `the expression has ${text.length} characters; at most ${ExpressionLimits.characters} are taken`,
      );
    }
    const { compileCel } = await import('./compile.ts');
    return compileCel(text);
  },
});
