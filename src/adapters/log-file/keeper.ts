import { type Position, position } from '../../domain/identity.ts';
import { Rejection } from '../../domain/rejection.ts';
import type { LogKeeper } from '../../engine/ports/keeping.ts';
import { archiveSegments, firstUnarchived } from './archive.ts';
import { ioRejection } from './failure.ts';
import type { LogFiles } from './log-files.ts';
import { planPruning, pruneFiles } from './prune.ts';
import { prepareReplacement, replaceData } from './redact.ts';
import { bringBack } from './restore.ts';
import type { Segment } from './segment.ts';

/** Keeps the files of an open log. */
export const createLogKeeper = (files: LogFiles): LogKeeper => {
  const segmentOf = (at: Position): Segment => {
    const found = files.segments.findLast(({ base }) => base <= Number(at));
    if (found !== undefined) return found;
    const horizon = files.segments[0]?.base ?? 0;
    throw new Rejection('failed-precondition', `event ${at} was pruned: the log begins at ${horizon}`);
  };
  const told = async <T>(work: () => Promise<T>, place = files.directory): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throw ioRejection(error, place);
    }
  };
  return {
    prepare: (at, data) => told(() => prepareReplacement(segmentOf(at), Number(at), data)),
    replace: (at, data, replacement) =>
      told(async () => {
        if (segmentOf(at) === files.segments.at(-1)) await files.seal();
        return replaceData(files, segmentOf(at), Number(at), data, replacement);
      }),
    archive: (directory, before) => told(() => archiveSegments(files, directory, Number(before)), directory),
    plan: (before) => told(() => planPruning(files, Number(before))),
    firstUnarchived: (horizon, directories) =>
      told(async () => {
        const first = await firstUnarchived(files, Number(horizon), directories);
        return first === undefined ? undefined : position(BigInt(first));
      }),
    bringBack: (directories, redacted) => told(() => bringBack(files, directories, redacted)),
    prune: ({ horizon, archives }, event) =>
      told(() => pruneFiles(files, Number(horizon), archives, Number(event))),
  };
};
