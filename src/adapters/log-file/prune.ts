import { position } from '../../domain/identity.ts';
import type { PrunePlan } from '../../engine/ports/keeping.ts';
import { chainHex } from './format.ts';
import { noteHorizon } from './horizon.ts';
import type { LogFiles } from './log-files.ts';
import { readHeader } from './recover.ts';
import type { Segment } from './segment.ts';

/** Lets the oldest files of a log go. */

/** Closed segments with the position after their last event. */
export const closedSegments = (
  segments: readonly Segment[],
): readonly { segment: Segment; until: number }[] =>
  segments.slice(0, -1).map((segment, number) => ({ segment, until: segments[number + 1]?.base ?? 0 }));

/** What pruning before a position would take. */
export const planPruning = async (files: LogFiles, before: number): Promise<PrunePlan | undefined> => {
  const gone = closedSegments(files.segments).filter(({ until }) => until <= before);
  const first = files.segments[gone.length];
  if (gone.length === 0 || first === undefined) return undefined;
  const header = await readHeader(files.disk, first.path, undefined);
  const sizes = await Promise.all(gone.map(({ segment }) => files.disk.size(segment.path)));
  return {
    horizon: String(position(BigInt(first.base))),
    chain: chainHex(header.chain),
    segments: gone.length,
    bytes: sizes.reduce((sum, size) => sum + size, 0),
  };
};

/**
 * Removes the files below a horizon, oldest first, so that after a crash what is left has no hole.
 * @param event position of the `log-pruned` event
 */
export const pruneFiles = async (
  files: LogFiles,
  horizon: number,
  archives: readonly string[],
  event: number,
): Promise<void> => {
  const { disk, directory } = files;
  await noteHorizon(disk, directory, event);
  for (const { path } of files.letGo(horizon, archives)) {
    await files.discardIndex(path);
    await disk.remove(path);
    await disk.syncDirectory(directory);
  }
};
