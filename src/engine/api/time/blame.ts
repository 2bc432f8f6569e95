import type { Subject } from '../../../domain/envelope.ts';
import { thingAmong } from '../../../domain/let-go.ts';
import { Rejection } from '../../../domain/rejection.ts';
import type { World } from '../../../domain/world.ts';
import { blame as blamed, isWithin, traceFrom } from '../../../projections/blame.ts';
import { stateOf } from '../../../projections/changes.ts';
import type { Blame, BlameQuery } from '../../ports/time-api.ts';
import type { Engine } from '../engine.ts';
import { told } from '../told.ts';
import { factsOf, placeOf, thingsNamed } from './reading.ts';
import { traced } from './trace.ts';

/** Who set each field of a thing. */
export const blame = async (engine: Engine, query: BlameQuery): Promise<Blame> => {
  const at = await placeOf(engine, query.at);
  const { world } = await engine.timeline.viewsAt(at);
  const subjects = await thingsNamed(engine, query, world);
  const subject = [...subjects].find((one) => stateOf(world, one) !== undefined);
  if (subject === undefined) throw await gone(engine, subjects, world);
  const start = (await engine.timeline.viewsAt(engine.ports.log.horizon)).world;
  const trace = (await traced(engine, start, at, [subject])).get(subject) ?? traceFrom(start, []);
  const fields = blamed(trace, world, subject);
  const asked = fields.filter(({ path }) => query.field === undefined || isWithin(path, query.field));
  if (asked.length === 0) {
    const names = fields.map(({ path }) => path).join(', ');
    throw new Rejection(
      'not-found',
      `${subject} has no field '${query.field}' at position ${at}; it has ${names}`,
    );
  }
  return {
    subject,
    at,
    fields: asked.map(({ path, value, by }) =>
      by === undefined ? { path, value } : { path, value, by: told(by) },
    ),
  };
};

/** The refusal for a thing that the log knows, and that is not there: it names where to look instead. */
const gone = async (engine: Engine, subjects: ReadonlySet<Subject>, world: World): Promise<Rejection> => {
  const where = { subjects: [...subjects] };
  for await (const last of factsOf(engine, { to: world.position, where, backward: true })) {
    return new Rejection(
      'not-found',
      `${thingAmong(last, subjects)} is not there at position ${world.position}; its last event is ${last.type} at position ` +
        `${last.position}: ask for the state before it with --at ${last.position}`,
    );
  }
  return new Rejection(
    'not-found',
    `${[...subjects].join(', ')} is not there at position ${world.position}: nothing had happened to it yet`,
  );
};
