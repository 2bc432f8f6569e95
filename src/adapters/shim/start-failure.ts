import { isRejection } from '../../domain/rejection.ts';
import { StartFailure } from '../../engine/ports/runtime.ts';

/**
 * Reads why runc could not start a process out of its message, since the shim hands on nothing but text. Only what runc
 * says of the process's own executable (`exec: "sh": …`, `exec /bin/sh: …`) is 126 or 127; a missing runc, mount source
 * or working directory is 125.
 */
const ofExecutable = /exec:? (?:"[^"]*"|\/[^:]*): (.*)$/s;
const notFound = /executable file not found|no such file or directory/;
const notExecutable = /permission denied|exec format error|is a directory|not a directory/;

export const startExitCode = (message: string): 125 | 126 | 127 => {
  if (message.includes('unable to retrieve OCI runtime error')) return 125;
  const reason = ofExecutable.exec(message)?.[1];
  if (reason === undefined) return 125;
  if (notFound.test(reason)) return 127;
  return notExecutable.test(reason) ? 126 : 125;
};

/** The StartFailure that an answer of the shim to create or start is, or the error itself where it says something else. */
export const asStartFailure = (error: unknown): unknown => {
  if (!isRejection(error) || (error.code !== 'unknown' && error.code !== 'internal')) return error;
  const message = error.message.replace(/: unknown$/, '');
  return new StartFailure(startExitCode(message), message, { cause: error });
};
