import { delimiter, isAbsolute, join } from 'node:path';
import { Rejection } from '../../domain/rejection.ts';
import { isExecutable } from '../syscalls/executable.ts';
import { type ProgramRun, runToEnd } from '../syscalls/run-to-end.ts';

/** What dockerd may still ask for; its shims have an API of their own, which containerd dropped in 2.0. */
const firstRuntime = 'io.containerd.runtime.v1.linux';

/**
 * The file name of a runtime's shim by containerd's rule: `io.containerd.runc.v2` is `containerd-shim-runc-v2`.
 * @throws Rejection `invalid-argument`
 */
export const shimFileName = (runtime: string): string => {
  if (runtime === firstRuntime) {
    throw new Rejection(
      'invalid-argument',
      `runtime '${runtime}' is not served: containerd itself has dropped it; use io.containerd.runc.v2`,
    );
  }
  const parts = runtime.split('.');
  const [name, version] = parts.slice(-2);
  if (parts.length < 2 || !name || !version || runtime.includes('/')) {
    throw new Rejection(
      'invalid-argument',
      `runtime '${runtime}': expected a name such as io.containerd.runc.v2, or the absolute path of a shim`,
    );
  }
  return `containerd-shim-${name}-${version}`;
};

/** Finds the shim of a runtime in PATH, or checks the path given. @throws Rejection `not-found`, `invalid-argument` */
export const findShim = (runtime: string, searchPath: string): string => {
  const candidates = isAbsolute(runtime)
    ? [runtime]
    : searchPath
        .split(delimiter)
        .filter(isAbsolute)
        .map((folder) => join(folder, shimFileName(runtime)));
  const found = candidates.find(isExecutable);
  if (found !== undefined) return found;
  const sought = isAbsolute(runtime) ? runtime : `${shimFileName(runtime)} in PATH`;
  throw new Rejection(
    'not-found',
    `runtime '${runtime}': no executable ${sought}; install the shim or name its path`,
  );
};

export interface ShimCommand {
  readonly binary: string;
  readonly args: readonly string[];
  /** Working directory; the shim finds its bundle by it. */
  readonly bundle: string;
  readonly ttrpcAddress: string;
  readonly stdin?: Uint8Array;
  /** Asks the shim for a core scheduling domain of its own (prctl(2), PR_SCHED_CORE), as containerd asks. */
  readonly coreScheduling?: boolean | undefined;
  readonly timeoutMs: number;
}

/**
 * Runs an action of a shim's binary (`start`, `delete`) to its end.
 * @returns what it printed
 * @throws Rejection `unavailable` with its words when it fails; `deadline-exceeded` (it is killed)
 */
export const runShimAction = (command: ShimCommand): Promise<Buffer> =>
  runHelper({
    binary: command.binary,
    args: command.args,
    cwd: command.bundle,
    env: {
      ...shimEnvironment(command.ttrpcAddress),
      GOMAXPROCS: '2',
      ...(command.coreScheduling ? { SCHED_CORE: '1' } : {}),
    },
    input: command.stdin,
    timeoutMs: command.timeoutMs,
  });

/** What every shim gets of the daemon's environment, and where it forwards its events to. */
export const shimEnvironment = (ttrpcAddress: string): NodeJS.ProcessEnv => {
  const { NOTIFY_SOCKET: _notify, LISTEN_FDS: _fds, LISTEN_PID: _pid, ...env } = process.env;
  return { ...env, TTRPC_ADDRESS: ttrpcAddress };
};

/**
 * Runs a program to its end. @returns what it printed
 * @throws Rejection `unavailable` with its words when it fails; `deadline-exceeded` (it is killed)
 */
export const runHelper = async (helper: ProgramRun): Promise<Buffer> => {
  const { binary, args, timeoutMs } = helper;
  const what = `${binary} ${args.join(' ')}`;
  const ran = await runToEnd(helper).catch((cause: unknown) => {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new Rejection('unavailable', `cannot run ${what}: ${why}`, { cause });
  });
  if (ran.late) throw new Rejection('deadline-exceeded', `${what} did not end within ${timeoutMs} ms`);
  if (ran.code === 0) return ran.output;
  const words = Buffer.concat([ran.complaints, ran.output]).toString('utf8').trim();
  throw new Rejection('unavailable', `${what} failed (${ran.signal ?? `exit code ${ran.code}`}): ${words}`);
};
