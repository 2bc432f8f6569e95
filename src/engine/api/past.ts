import { type Position, position } from '../../domain/identity.ts';
import { Rejection } from '../../domain/rejection.ts';
import type { At, Moment } from '../ports/at.ts';
import type { Views } from '../views.ts';
import type { Engine } from './engine.ts';

const iso = (time: number): string => new Date(time / 1000).toISOString();

const belowHorizon = (what: string, horizon: Position): Rejection =>
  new Rejection(
    'failed-precondition',
    `${what} is below the horizon: the log begins at position ${horizon}, what came before was pruned`,
  );

/** The position that a moment means. @throws Rejection as {@link viewsAt} */
const positionOf = async (engine: Engine, at: At): Promise<Position> => {
  const { ledger, timeline, ports } = engine;
  const { horizon } = ports.log;
  if ('position' in at) {
    const now = ledger.durable.world.position;
    if (at.position > now) {
      throw new Rejection(
        'invalid-argument',
        `position ${at.position} is to come: the log ends at position ${now}; give one up to there`,
      );
    }
    if (at.position < horizon) throw belowHorizon(`position ${at.position}`, horizon);
    return at.position;
  }
  if (at.time > ports.clock.now().wall) {
    throw new Rejection('invalid-argument', `${iso(at.time)} is to come: the log knows only what was`);
  }
  const found = await timeline.positionOf(at);
  // The first event that is kept came later: what was before it at that time can't be told.
  if (found <= horizon && horizon > 0n) throw belowHorizon(iso(at.time), horizon);
  return found;
};

/**
 * The views at a moment; those of now when none is given. Nothing here touches the world.
 * @throws Rejection `invalid-argument` for a moment to come, `failed-precondition` for one below the log's horizon, and as
 *   the timeline does; the signal's reason
 */
export const viewsAt = async (engine: Engine, at: At | undefined, signal?: AbortSignal): Promise<Views> =>
  at === undefined ? engine.ledger.durable : engine.timeline.viewsAt(await positionOf(engine, at), signal);

/** A moment, with its place in the log and its time. @throws Rejection as {@link viewsAt} */
export const momentOf = async (engine: Engine, at: At): Promise<Moment> => {
  const found = await positionOf(engine, at);
  if ('time' in at) return { position: found, time: at.time };
  const { log } = engine.ports;
  if (found <= log.horizon) return { position: found };
  for await (const [last] of log.read({ from: position(found - 1n), to: found })) {
    if (last) return { position: found, time: last.meta.time.wall };
  }
  throw new Rejection('internal', `position ${found - 1n} is durable and can't be read`);
};
