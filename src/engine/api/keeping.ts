import { Rejection } from '../../domain/rejection.ts';
import type { Call } from '../ports/api.ts';
import type { KeepingApi } from '../ports/keeping-api.ts';
import type { Engine } from './engine.ts';

/** What is kept of the log. */
export const keepingApi = (engine: Engine): KeepingApi => {
  const { keeping, timeline } = engine;
  return {
    redact: async ({ at, fields }, call) => {
      explain(`redact event ${at}`, call);
      return keeping.redact(at, fields, call.cause);
    },
    archive: async ({ directory, before }, { cause }) =>
      keeping.archive(directory, before && (await timeline.positionOf(before)), cause),
    prune: async ({ before, unarchived }, call) => {
      explain('prune the log', call);
      return keeping.prune(await timeline.positionOf(before), unarchived, call.cause);
    },
    restore: ({ directories }, { cause }) => keeping.restore(directories, cause),
  };
};

/** Whoever reads the log later can't see what is gone, so it must say why. */
const explain = (asked: string, { cause }: Call): void => {
  if (cause.reason !== undefined && cause.reason !== '') return;
  throw new Rejection('invalid-argument', `${asked}: no reason was given; say why with --reason TEXT`);
};
