import { spawn } from 'node:child_process';
import { Rejection } from '../../domain/rejection.ts';

/** What a command may print before it is taken for broken, in bytes. */
const outputLimit = 1024 * 1024;

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
export const runCommand = (command: Command): Promise<string> =>
  new Promise((resolve, reject) => {
    const child = spawn(command.binary, command.args, {
      cwd: command.cwd,
      env: commandEnvironment(),
      // Its own session: a signal to the daemon's process group must not reach it.
      detached: true,
      stdio: [command.stdin === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    });
    const printed: Buffer[] = [];
    const complained: Buffer[] = [];
    let size = 0;
    const collect = (into: Buffer[]) => (bytes: Buffer) => {
      size += bytes.length;
      if (size > outputLimit) child.kill('SIGKILL');
      else into.push(bytes);
    };
    const what = `${command.binary} ${command.args.join(' ')}`;
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      child.kill('SIGKILL');
    }, command.timeoutMs);
    child.stdout?.on('data', collect(printed));
    child.stderr?.on('data', collect(complained));
    child.stdin?.on('error', (cause) => complained.push(Buffer.from(cause.message)));
    child.stdin?.end(command.stdin);
    child.once('error', (cause) => {
      clearTimeout(timer);
      reject(new Rejection('unavailable', `cannot run ${what}: ${cause.message}`, { cause }));
    });
    child.once('close', (code, signal) => {
      clearTimeout(timer);
      const words = reasonOf(Buffer.concat([...complained, ...printed]).toString('utf8'));
      if (late)
        reject(new Rejection('deadline-exceeded', `${what} did not end within ${command.timeoutMs} ms`));
      else if (code === 0) resolve(Buffer.concat(printed).toString('utf8'));
      else
        reject(new Rejection('unavailable', `${what} failed (${signal ?? `exit code ${code}`}): ${words}`));
    });
  });

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
