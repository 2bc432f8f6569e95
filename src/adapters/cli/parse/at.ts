import type { MessageInitShape } from '@bufbuild/protobuf';
import type { AtSchema } from '../../../gen/shiplog/v1/types_pb.ts';
import { UsageError } from '../exit-codes.ts';
import { parseTime } from './time.ts';

export type At = MessageInitShape<typeof AtSchema>;

export const atFlag = '--at <moment>';
export const atHelp =
  "as it was: at a position (4711), a time (2026-11-21 13:05), or '10 minutes ago'; see docs/time-machine.md";

/** Positions are of 64 bits. */
const MAX_POSITION = 2n ** 64n - 1n;

/**
 * A moment of the past: a position of the log (`4711`, `@4711`), a time as {@link parseTime} takes it but for bare
 * numbers, or how long ago.
 *
 * @param nowMs milliseconds since the epoch
 * @throws UsageError for anything else, with examples
 */
export const parseAt = (text: string, nowMs: number): At => {
  const digits = /^@?(\d+)$/.exec(text.trim())?.[1];
  if (digits !== undefined) {
    const value = BigInt(digits);
    if (value > MAX_POSITION) throw new UsageError(`--at '${text}': there is no position as high as that`);
    return { moment: { case: 'position', value } };
  }
  try {
    return { moment: { case: 'timeUs', value: parseTime(text, nowMs) } };
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    throw new UsageError(
      `--at '${text}' is not a moment; give a position such as 4711, a time such as '2026-11-21 13:05', 2026-11-21 or 2026-11-21T13:05:07Z, or how long ago, such as '10 minutes ago', 2h or 90s`,
    );
  }
};
