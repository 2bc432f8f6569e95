import type { TimeApi } from '../ports/time-api.ts';
import type { Engine } from './engine.ts';
import { bisect } from './time/bisect.ts';
import { blame } from './time/blame.ts';
import { causes } from './time/causes.ts';
import { diff } from './time/diff.ts';
import { state, steps } from './time/steps.ts';

/** What the past tells. */
export const timeApi = (engine: Engine): TimeApi => ({
  diff: (query, signal) => diff(engine, query, signal),
  blame: (query) => blame(engine, query),
  causes: ({ position }) => causes(engine, position),
  bisect: (query, signal) => bisect(engine, query, signal),
  steps: (query, signal) => steps(engine, query, signal),
  state: (query) => state(engine, query),
});
