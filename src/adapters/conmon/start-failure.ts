import { StartFailure } from '../../engine/ports/runtime.ts';

/**
 * Why a process could not be started, out of the OCI runtime's words. Only what it says of the process's own executable is
 * 126 or 127: `exec: "sh": …` and `exec /bin/sh: …` of runc, `executable file … not found` of crun. A missing mount source or
 * working directory is 125.
 */
const ofExecutable = /exec:? (?:"[^"]*"|\/[^:]*): (.*)$|(executable file .*)$|(open executable: .*)$/s;
const notFound = /executable file .*not found|no such file or directory/i;
const notExecutable = /permission denied|exec format error|is a directory|not a directory/i;

export const startExitCode = (message: string): 125 | 126 | 127 => {
  const [, runc, missing, open] = ofExecutable.exec(message) ?? [];
  const reason = runc ?? missing ?? open;
  if (reason === undefined) return 125;
  if (notFound.test(reason)) return 127;
  return notExecutable.test(reason) ? 126 : 125;
};

export const startFailure = (message: string): StartFailure =>
  new StartFailure(startExitCode(message), message);
