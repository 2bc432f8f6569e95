import { spawn } from 'node:child_process';
import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { delimiter, isAbsolute, join } from 'node:path';
import { Rejection } from '../../domain/rejection.ts';

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
export const findShim = async (runtime: string, searchPath: string): Promise<string> => {
  const candidates = isAbsolute(runtime)
    ? [runtime]
    : searchPath
        .split(delimiter)
        .filter(isAbsolute)
        .map((folder) => join(folder, shimFileName(runtime)));
  for (const candidate of candidates) {
    const usable = await access(candidate, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (usable) return candidate;
  }
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

/** What a helper may print before it is taken for broken, in bytes. */
const outputLimit = 1024 * 1024;

/**
 * Runs an action of a shim's binary (`start`, `delete`) to its end.
 * @returns what it printed
 * @throws Rejection `unavailable` with its words when it fails; `deadline-exceeded` (it is killed)
 */
export const runShimAction = (command: ShimCommand): Promise<Buffer> => {
  const { NOTIFY_SOCKET: _notify, LISTEN_FDS: _fds, LISTEN_PID: _pid, ...env } = process.env;
  return runToEnd({
    binary: command.binary,
    args: command.args,
    cwd: command.bundle,
    env: {
      ...env,
      GOMAXPROCS: '2',
      TTRPC_ADDRESS: command.ttrpcAddress,
      ...(command.coreScheduling ? { SCHED_CORE: '1' } : {}),
    },
    ...(command.stdin === undefined ? {} : { stdin: command.stdin }),
    timeoutMs: command.timeoutMs,
  });
};

export interface HelperProcess {
  readonly binary: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  readonly stdin?: Uint8Array;
  readonly timeoutMs: number;
}

/** @throws Rejection `unavailable`, `deadline-exceeded` */
export const runToEnd = (helper: HelperProcess): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    const child = spawn(helper.binary, helper.args, {
      cwd: helper.cwd,
      env: helper.env,
      // Its own session: a signal to the daemon's process group must never reach a shim.
      detached: true,
      stdio: [helper.stdin === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    });
    const printed: Buffer[] = [];
    const complained: Buffer[] = [];
    let size = 0;
    const collect = (into: Buffer[]) => (bytes: Buffer) => {
      size += bytes.length;
      if (size > outputLimit) child.kill('SIGKILL');
      else into.push(bytes);
    };
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      child.kill('SIGKILL');
    }, helper.timeoutMs);
    const what = `${helper.binary} ${helper.args.join(' ')}`;
    child.stdout?.on('data', collect(printed));
    child.stderr?.on('data', collect(complained));
    child.stdin?.on('error', (cause) => complained.push(Buffer.from(cause.message)));
    child.stdin?.end(helper.stdin);
    child.once('error', (cause) => {
      clearTimeout(timer);
      reject(new Rejection('unavailable', `cannot run ${what}: ${cause.message}`, { cause }));
    });
    child.once('close', (code, signal) => {
      clearTimeout(timer);
      if (late) {
        reject(new Rejection('deadline-exceeded', `${what} did not end within ${helper.timeoutMs} ms`));
      } else if (code === 0) {
        resolve(Buffer.concat(printed));
      } else {
        const words = Buffer.concat([...complained, ...printed])
          .toString('utf8')
          .trim();
        reject(new Rejection('unavailable', `${what} failed (${signal ?? `exit code ${code}`}): ${words}`));
      }
    });
  });
