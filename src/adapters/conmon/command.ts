import { Rejection } from '../../domain/rejection.ts';
import { runToEnd } from '../syscalls/run-to-end.ts';

export interface Command {
  readonly binary: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly stdin?: string;
  readonly timeoutMs: number;
}

/** Only what finding programs needs: nothing of the daemon's own is theirs to see. */
export const commandEnvironment = (): NodeJS.ProcessEnv => ({
  PATH: process.env.PATH ?? '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
});

/**
 * Runs a command of an OCI runtime to its end.
 * @returns what it printed
 * @throws Rejection `unavailable` with its words when it fails; `deadline-exceeded` (it is killed)
 */
export const runCommand = async ({ stdin, ...command }: Command): Promise<string> => {
  const { binary, args, timeoutMs } = command;
  const what = `${binary} ${args.join(' ')}`;
  const ran = await runToEnd({ ...command, env: commandEnvironment(), input: stdin }).catch(
    (cause: unknown) => {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new Rejection('unavailable', `cannot run ${what}: ${why}`, { cause });
    },
  );
  if (ran.late) throw new Rejection('deadline-exceeded', `${what} did not end within ${timeoutMs} ms`);
  if (ran.code === 0) return ran.output.toString('utf8');
  const words = reasonOf(Buffer.concat([ran.complaints, ran.output]).toString('utf8'));
  throw new Rejection('unavailable', `${what} failed (${ran.signal ?? `exit code ${ran.code}`}): ${words}`);
};

/** The reason in what an OCI runtime logged as JSON, a line for each message; other text as it is. */
export const reasonOf = (logged: string): string => {
  const reasons: string[] = [];
  for (const line of logged.split('\n')) {
    const found = /"msg":("(?:[^"\\]|\\.)*")/.exec(line)?.[1];
    if (found !== undefined) reasons.push(String(JSON.parse(found)));
    else if (line.trim() !== '') reasons.push(line.trim());
  }
  return [...new Set(reasons)].join('; ');
};
