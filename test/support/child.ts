import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

const execute = promisify(execFile);

/** Runs a program to its end; rejects with its standard error where it fails. */
export const runProgram = async (
  file: string,
  args: readonly string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv; timeoutMs?: number } = {},
): Promise<string> => {
  const { stdout } = await execute(file, args, {
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.env === undefined ? {} : { env: options.env }),
    timeout: options.timeoutMs ?? 120_000,
    maxBuffer: 64 * 1024 * 1024,
  });
  return stdout;
};

export interface Daemon {
  readonly pid: number;
  /** Asks it to end, then insists; resolves when it has ended. */
  stop(): Promise<void>;
}

const hasEnded = (child: ChildProcess) => child.exitCode !== null || child.signalCode !== null;

/** Starts a daemon with its output in `logFile`, and waits until `ready` says so. */
export const startDaemon = async (
  file: string,
  args: readonly string[],
  options: {
    logFile: string;
    env?: NodeJS.ProcessEnv;
    ready: () => Promise<boolean>;
    readyMs?: number;
  },
): Promise<Daemon> => {
  const log = openSync(options.logFile, 'a');
  const child = spawn(file, args, { stdio: ['ignore', log, log], env: options.env ?? process.env });
  closeSync(log);
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
    child.once('error', () => resolve());
  });
  const stop = async () => {
    if (!hasEnded(child)) child.kill('SIGTERM');
    const insist = setTimeout(() => child.kill('SIGKILL'), 10_000);
    await ended;
    clearTimeout(insist);
  };
  const deadline = performance.now() + (options.readyMs ?? 20_000);
  while (!(await options.ready())) {
    if (hasEnded(child) || child.pid === undefined || performance.now() > deadline) {
      await stop();
      throw new Error(`${file} did not get ready; its output is in ${options.logFile}`);
    }
    await sleep(30);
  }
  if (child.pid === undefined) throw new Error(`${file} could not be started`);
  return { pid: child.pid, stop };
};
