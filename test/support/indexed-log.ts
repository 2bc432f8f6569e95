import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { type OpenFileLog, openFileLog } from '../../src/adapters/log-file/file-log.ts';
import { buildIndexes } from '../../src/adapters/log-file/index/build-indexes.ts';
import { buildSidecar } from '../../src/adapters/log-file/index/build-sidecar.ts';
import { sidecarPath } from '../../src/adapters/log-file/index/sidecar-file.ts';
import { openSidecars } from '../../src/adapters/log-file/index/sidecars.ts';
import { realDisk } from '../../src/adapters/log-file/real-disk.ts';
import { recover } from '../../src/adapters/log-file/recover.ts';
import type { Log } from '../../src/engine/ports/log.ts';
import { positionsOf, readAll } from './log-events.ts';
import { appendVaried, queries } from './log-queries.ts';

/** Gives every sealed segment of a closed log its sidecar, here and now. @returns their paths */
export const buildSidecars = async (directory: string): Promise<string[]> => {
  const { segments, logId } = await recover(realDisk, directory);
  for (const { path, base, end } of segments.slice(0, -1)) {
    const job = { segmentPath: path, path: sidecarPath(path), logId, base, segmentBytes: end };
    await buildSidecar(realDisk, job);
  }
  return sidecarsIn(directory);
};

/**
 * Gives a closed log every index that it lacks, here and now.
 * @param stretchBytes so much of the segment that is being written gets an index too
 */
export const indexAll = async (directory: string, stretchBytes?: number): Promise<void> => {
  const { segments, logId } = await recover(realDisk, directory);
  const sidecars = await openSidecars({
    disk: realDisk,
    directory,
    logId,
    segments,
    fromBytes: 0,
    ...(stretchBytes === undefined ? {} : { stretchBytes }),
    building: false,
    warn: (message) => {
      throw new Error(message);
    },
  });
  const jobs = await sidecars.missing();
  await sidecars.close();
  if (jobs === undefined) return;
  await buildIndexes(realDisk, jobs, ({ failure }) => {
    if (failure !== undefined) throw new Error(failure);
  });
};

/** @param ending with its dot @returns paths, sorted */
export const filesIn = (directory: string, ending: string): string[] =>
  readdirSync(directory)
    .filter((name) => name.endsWith(ending))
    .sort()
    .map((name) => join(directory, name));

export const sidecarsIn = (directory: string): string[] => filesIn(directory, '.index');

export const openIndexed = (directory: string, warnings: string[] = []): Promise<OpenFileLog> =>
  openFileLog({
    directory,
    segmentBytes: 2000,
    indexFromBytes: 0,
    warn: (message) => warnings.push(message),
  });

/** A closed log of several segments with the varied events. */
export const writeVaried = async (directory: string): Promise<void> => {
  const log = await openIndexed(directory);
  await appendVaried(log);
  await log.close();
};

/** What each query finds, forward and backward; and what it should. */
export const answers = async (log: Log) => {
  const found = [];
  for (const { query } of queries) {
    const forward = positionsOf(await readAll(log, { where: query }));
    const backward = positionsOf(await readAll(log, { where: query, backward: true }));
    found.push({ query, forward, backward });
  }
  return found;
};

export const rightAnswers = queries.map(({ query, expected }) => ({
  query,
  forward: expected,
  backward: expected.toReversed(),
}));
