import { position } from '../../domain/identity.ts';
import { Rejection } from '../../domain/rejection.ts';
import type { Log } from '../../engine/ports/log.ts';
import { readOnlyLog } from '../../engine/ports/read-only-log.ts';
import { withFile } from './durable-file.ts';
import { justifyHorizon } from './horizon.ts';
import type { LogFiles } from './log-files.ts';
import { readBackward, readForward } from './read.ts';
import { realDisk } from './real-disk.ts';
import { findEnd, readHeader, segmentPaths } from './recover.ts';
import { Segment } from './segment.ts';

/** A log that nobody writes. */
export interface LogCopy extends Log {
  readonly files: Pick<LogFiles, 'segments'>;
}

/**
 * Opens a copy of a log, or that of a stopped daemon, for reading. Takes no lock and changes nothing: an unfinished write
 * at its end is left where it is and not read.
 * @throws LogDamage; Rejection `not-found` where there are no files of a log, `failed-precondition` for another version
 */
export const openLogCopy = async (directory: string): Promise<LogCopy> => {
  const paths = await segmentPaths(realDisk, directory);
  const path = paths.at(-1);
  const [firstPath] = paths;
  if (path === undefined || firstPath === undefined) {
    throw new Rejection(
      'not-found',
      `${directory} holds no files of a log; give the folder with its segments`,
    );
  }
  const first = await readHeader(realDisk, firstPath, undefined);
  const segments: Segment[] = [];
  for (const sealed of paths.slice(0, -1)) {
    const { base } = await readHeader(realDisk, sealed, first);
    segments.push(new Segment(realDisk, sealed, base, await realDisk.size(sealed)));
  }
  const header = await readHeader(realDisk, path, first);
  const size = await realDisk.size(path);
  const found = await withFile(realDisk, path, 'read', (file) => findEnd(file, path, header, size));
  segments.push(new Segment(realDisk, path, header.base, found.end, found.index));
  await justifyHorizon(realDisk, directory, segments, first);
  const horizon = position(BigInt(first.base));
  const log = readOnlyLog({
    horizon,
    durable: position(BigInt(found.next)),
    batches: (from, to, backward) =>
      (backward ? readBackward : readForward)(segments, Number(from), Number(to)),
    refusal: 'this log was opened for reading: nothing can be changed',
    below: (from) => `Reading from position ${from}: the log begins at ${horizon}.`,
  });
  return { ...log, files: { segments } };
};
