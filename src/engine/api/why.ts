import type { Fact } from '../../domain/event.ts';
import { type Position, position } from '../../domain/identity.ts';
import { Rejection } from '../../domain/rejection.ts';
import type { DomainEvent } from '../../domain/world.ts';
import { freeingPositions, why } from '../../projections/why.ts';
import type { LogApi } from '../ports/api.ts';
import type { Engine } from './engine.ts';
import { viewsAt } from './past.ts';
import { factsIn, subjectsIn } from './subjects.ts';
import { told } from './told.ts';

type Answer = Awaited<ReturnType<LogApi['why']>>;

/**
 * What keeps a thing or what freed it: now, or at a moment what kept it then or had freed it by then.
 * @throws Rejection `not-found` where the log had not heard of it by then
 */
export const tellWhy = async (
  engine: Engine,
  { namespace, thing, at }: Parameters<LogApi['why']>[0],
  signal?: AbortSignal,
): Promise<Answer> => {
  const { world, references } = await viewsAt(engine, at, signal);
  const subjects = await subjectsIn(engine, world, namespace, thing);
  const answers = [...subjects].map((subject) => why(references, subject));
  const answer = answers.find(({ kept }) => kept) ?? answers[0];
  if (answer === undefined) throw new Rejection('not-found', `the log knows nothing called '${thing}'`);
  const { subject, kept, freedBy } = answer;
  const path = answer.path.map(({ from, to, kind, since }) => ({ from, to, kind, since }));
  if (kept) return { subject, kept, path, freed: [] };
  if (freedBy !== undefined) return { subject, kept, path, freed: await toldAt(engine, [freedBy]) };
  const own: Fact<DomainEvent>[] = [];
  const range = { to: world.position, where: { subjects: [...subjects] } };
  for await (const fact of factsIn(engine, range)) own.push(fact);
  return { subject, kept, path, freed: await toldAt(engine, freeingPositions(own, subjects)) };
};

/** The events at some positions, as far as the log still has them. */
const toldAt = async (engine: Engine, positions: readonly Position[]): Promise<Answer['freed']> => {
  const events: Answer['freed'][number][] = [];
  for (const from of positions.filter((one) => one >= engine.ports.log.horizon)) {
    for await (const fact of factsIn(engine, { from, to: position(from + 1n) })) events.push(told(fact));
  }
  return events;
};
