import { Metadata, status } from '@grpc/grpc-js';
import { exitCodeTrailer } from '../../client/metadata.ts';
import { statusOfRejection } from '../../client/status-codes.ts';
import { Rejection } from '../../domain/rejection.ts';
import type { Logger } from '../../engine/ports/logger.ts';
import { StartFailure } from '../../engine/ports/runtime.ts';
import { maxStatusLength } from './limits.ts';

/** A failure with the exit code that docker has for it. */
export class ExitCodeFailure extends Error {
  readonly exitCode: 125 | 126 | 127;
  constructor(exitCode: 125 | 126 | 127, cause: unknown) {
    super(`exit code ${exitCode}`, { cause });
    this.name = 'ExitCodeFailure';
    this.exitCode = exitCode;
  }
}

/** What goes over the wire in place of an answer. */
export interface Failure {
  readonly code: status;
  readonly details: string;
  readonly metadata: Metadata;
}

const trailers = (exitCode: number | undefined): Metadata => {
  const metadata = new Metadata();
  if (exitCode !== undefined) metadata.set(exitCodeTrailer, String(exitCode));
  return metadata;
};

/** Half a surrogate pair can't be percent-encoded, and grpc-js would throw on it; long texts don't fit in a header. */
const presentable = (text: string): string =>
  Buffer.from(text.length > maxStatusLength ? `${text.slice(0, maxStatusLength - 1)}…` : text).toString();

/** The code and words of a caught error; `undefined` for one that nobody foresaw. */
const foreseen = (error: unknown): Pick<Failure, 'code' | 'details'> | undefined => {
  if (error instanceof StartFailure) return { code: status.UNKNOWN, details: error.message };
  if (error instanceof Rejection && error.code !== 'internal') {
    return { code: statusOfRejection[error.code], details: error.message };
  }
  if (error instanceof Error && error.name === 'AbortError') {
    return { code: status.CANCELLED, details: 'the call was cancelled' };
  }
  return undefined;
};

/**
 * Translates a caught error. What was not foreseen is logged under the call's correlation id, which the caller is told:
 * the details are for the operator.
 */
export const failureOf = (
  error: unknown,
  { logger, correlation, method }: { logger: Logger; correlation: string; method: string },
): Failure => {
  if (error instanceof ExitCodeFailure) {
    const inner = failureOf(error.cause, { logger, correlation, method });
    return { ...inner, metadata: trailers(error.exitCode) };
  }
  const known = foreseen(error);
  if (!known) logger.error('a call failed inside the daemon', { method, correlation, error });
  const { code, details } = known ?? {
    code: status.INTERNAL,
    details: `shiplogd failed: ${error instanceof Error ? error.message : String(error)}; its own log says more under correlation ${correlation}`,
  };
  const exitCode = error instanceof StartFailure ? error.exitCode : undefined;
  return { code, details: presentable(details), metadata: trailers(exitCode) };
};
