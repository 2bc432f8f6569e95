import { join } from 'node:path';
import { z } from 'zod';
import type { Position } from '../../domain/identity.ts';
import { keepingEvents, type Pruned } from '../../domain/keeping.ts';
import { Rejection } from '../../domain/rejection.ts';
import type { Disk } from './disk.ts';
import { createDurably, withFile } from './durable-file.ts';
import { LogDamage } from './failure.ts';
import { chainHex, type SegmentHeader } from './format.ts';
import { readForward } from './read.ts';
import type { Segment } from './segment.ts';

/**
 * Where a log begins that was pruned. A `log-pruned` event says so; a small file says where that event is, so that a start
 * need not look for it. The file proves nothing: without it the log is read through.
 */
const HINT_NAME = 'pruned.json';
const HINT_BYTES = 256;
const Hint = z.object({ event: z.number().int().nonnegative() });

/** Notes where the event is; durable when it resolves. */
export const noteHorizon = (disk: Disk, directory: string, event: number): Promise<void> =>
  createDurably(disk, join(directory, HINT_NAME), Buffer.from(`${JSON.stringify({ event })}\n`));

const hinted = async (disk: Disk, directory: string): Promise<number | undefined> => {
  if (!(await disk.list(directory)).includes(HINT_NAME)) return undefined;
  const bytes = Buffer.alloc(HINT_BYTES);
  const length = await withFile(disk, join(directory, HINT_NAME), 'read', (file) => file.read(bytes, 0));
  try {
    return Hint.parse(JSON.parse(bytes.toString('utf8', 0, length))).event;
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof z.ZodError) return undefined;
    throw error;
  }
};

/** Forgets where it is: the log begins at 0. */
export const forgetHorizon = async (disk: Disk, directory: string): Promise<void> => {
  if (!(await disk.list(directory)).includes(HINT_NAME)) return;
  await disk.remove(join(directory, HINT_NAME));
  await disk.syncDirectory(directory);
};

/** Where a log begins, as its last event about that says: where it was pruned to, or `whole` where that was put back. */
export type Beginning = Pruned | 'whole';

/** The events that say something about it. */
export const beginningTypes = ['log-restored', 'log-pruned'] as const;

/** What an event says about it; undefined for most. */
export const beginningBy = (event: {
  readonly type: string;
  readonly data: unknown;
}): Beginning | undefined => {
  if (event.type === 'log-restored') return 'whole';
  return event.type === 'log-pruned' ? keepingEvents['log-pruned'].data.parse(event.data) : undefined;
};

/**
 * What is wrong with a log that begins where its first file does.
 * @param told what the log last tells about it
 */
export const unjustified = (first: SegmentHeader, told: Beginning | undefined): string | undefined => {
  if (first.base === 0) return undefined;
  const missing = `the log begins at position ${first.base}; the segments before it are missing`;
  if (told === undefined || told === 'whole') return missing;
  const horizon = Number(told.horizon);
  // Files go oldest first, and come back newest first: after a crash the log may still begin below its horizon.
  if (first.base > horizon) return `${missing}, and it was pruned only up to ${horizon}`;
  if (first.base === horizon && chainHex(first.chain) !== told.chain) {
    return 'the hash chain does not begin here as it was when the log was pruned';
  }
  return undefined;
};

/** Where the events below the first file are archived. @throws LogDamage where no pruning tells why they are missing */
export const justifyHorizon = async (
  disk: Disk,
  directory: string,
  segments: readonly Segment[],
  first: SegmentHeader,
): Promise<readonly string[]> => {
  if (first.base === 0) return [];
  const event = await hinted(disk, directory);
  const near =
    event === undefined || event < first.base ? undefined : await lastTold(segments, event, event + 1);
  const told = near ?? (await lastTold(segments, first.base, Number.POSITIVE_INFINITY));
  const wrong = unjustified(first, told);
  if (wrong === undefined && told !== undefined && told !== 'whole') return told.archives;
  throw new LogDamage({
    file: segments[0]?.path ?? directory,
    offset: 0,
    what: wrong ?? 'nothing tells why it begins here',
  });
};

const lastTold = async (
  segments: readonly Segment[],
  from: number,
  to: number,
): Promise<Beginning | undefined> => {
  let found: Beginning | undefined;
  for await (const batch of readForward(segments, from, to)) {
    for (const event of batch) found = beginningBy(event) ?? found;
  }
  return found;
};

/** The refusal to read what was pruned. */
export const belowHorizon = (from: Position, horizon: Position, archives: readonly string[]): Rejection =>
  new Rejection(
    'failed-precondition',
    `Reading from position ${from}: the log was pruned and begins at ${horizon}. ` +
      (archives.length === 0
        ? 'What was before was not archived.'
        : `What was before is archived in ${archives.join(', ')}.`),
  );
