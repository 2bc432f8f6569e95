import { CommanderError } from 'commander';
import { ShiplogError } from '../../client/shiplog-error.ts';
import { OutputClosed } from './cli-io.ts';

/** Docker's exit codes. A container's own code takes their place where there is one. */
export const exitCodes = {
  ok: 0,
  /** The daemon said no, or something asked for is not so. */
  failed: 1,
  /** Shiplog itself failed where a container's code was expected, or a flag was wrong. */
  own: 125,
  /** As a shell counts a process that SIGINT or SIGPIPE ended. */
  interrupted: 130,
  pipeClosed: 141,
} as const;

/** Verbs whose exit code is that of a process in a container, so that their own failures need another one. */
const speaksForContainer = new Set(['run', 'create', 'exec']);

/** What was asked can't be: a bad flag or argument, found before the daemon was asked. */
export class UsageError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'UsageError';
  }
}

/** A verb has said all there is to say and wants this code. */
export class Exit extends Error {
  readonly exitCode: number;
  constructor(exitCode: number) {
    super(`exit ${exitCode}`);
    this.name = 'Exit';
    this.exitCode = exitCode;
  }
}

/** Found by a parser of one of the flags, or by the verb. */
export const isUsageError = (error: unknown): boolean =>
  error instanceof UsageError || error instanceof CommanderError;

/** The exit code for what a verb threw. */
export const exitCodeOf = (error: unknown, verb: string): number => {
  if (error instanceof Exit) return error.exitCode;
  if (error instanceof OutputClosed) return exitCodes.pipeClosed;
  if (isUsageError(error)) return exitCodes.own;
  if (error instanceof ShiplogError && error.exitCode !== undefined) return error.exitCode;
  return speaksForContainer.has(verb) ? exitCodes.own : exitCodes.failed;
};
