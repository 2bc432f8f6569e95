import type { Subject } from '../../../domain/envelope.ts';
import type { Position } from '../../../domain/identity.ts';
import type { World } from '../../../domain/world.ts';
import { eventsChanging, evolveTrace, type Trace, traceFrom } from '../../../projections/blame.ts';
import type { Engine } from '../engine.ts';
import { factsOf } from './reading.ts';

/** Who set what of some things between a world and a position, traced from their own events; a trace by subject. */
export const traced = async (
  engine: Engine,
  from: World,
  to: Position,
  subjects: Iterable<Subject>,
  signal?: AbortSignal,
): Promise<ReadonlyMap<Subject, Trace>> => {
  const traces = new Map<Subject, Trace>();
  for (const { watched, query } of eventsChanging(subjects)) {
    let trace = traceFrom(from, watched);
    for await (const fact of factsOf(engine, { from: from.position, to, where: query }, signal)) {
      trace = evolveTrace(trace, fact);
    }
    for (const subject of watched) traces.set(subject, trace);
  }
  return traces;
};
