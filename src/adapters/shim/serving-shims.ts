import { createHash } from 'node:crypto';
import { closeSync, readFileSync, rmSync, type Stats, statSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { Rejection } from '../../domain/rejection.ts';
import type { TaskKey } from '../../engine/ports/runtime.ts';
import { startChild } from '../syscalls/child.ts';
import { hasCode } from '../syscalls/error.ts';
import { listenFor } from '../syscalls/listening.ts';
import { type Endpoint, socketPath } from './endpoint.ts';
import type { ShimRuntimeOptions } from './options.ts';
import { shimEnvironment } from './shim-binary.ts';

/** The one whose way to start itself is known here. */
const runcShim = 'containerd-shim-runc-v2';
/** Where it has its sockets, whatever daemon asks (containerd, runtime/v2/shim: socketRoot). */
const socketFolder = '/run/containerd/s';
/** What the program that it leaves behind may use of processors, as it says itself. */
const serverProcessors = '4';
/** proc_pid_oom_score_adj(5). */
const OOM_SCORE_MAX = 1000;

type Daemon = Pick<ShimRuntimeOptions, 'address' | 'ttrpcAddress'>;

/** containerd, runtime/v2/shim: SocketAddress. */
const addressOf = ({ namespace, id }: TaskKey, daemon: Daemon): string => {
  const name = createHash('sha256')
    .update(join(daemon.address, namespace, id))
    .digest('hex');
  return `unix://${socketFolder}/${name}`;
};

const argumentsOf = ({ namespace, id }: TaskKey, { address }: Daemon): readonly string[] => [
  ...['-namespace', namespace],
  ...['-id', id],
  ...['-address', address],
];

/** What changes with the program at a path. */
const editionOf = ({ dev, ino, size, mtimeMs }: Stats): string => [dev, ino, size, mtimeMs].join(' ');

/**
 * `start` of runc's shim makes a socket, starts the same program once more with the socket as its descriptor 3, and ends:
 * 5 ms of processor for each container. A program that was seen to do exactly that is started the second way at once. What
 * was not seen, and any other shim, is asked to `start` as runtime v2 has it.
 */
export class ServingShims {
  readonly #daemon: Daemon;
  /** Of each program that was looked at: the version that it speaks, or that it does otherwise. */
  readonly #seen = new Map<string, Endpoint['version'] | 'otherwise'>();

  constructor(daemon: Daemon) {
    this.#daemon = daemon;
  }

  /** Whether one that has been started is worth a look. */
  isUnknown(binary: string): boolean {
    return basename(binary) === runcShim && !this.#seen.has(this.#editionAt(binary));
  }

  /**
   * Looks at what `start` has left behind.
   * @param endpoint what it printed
   * @param pid of the program that serves there, by its own word; undefined where it gave none
   */
  look(binary: string, task: TaskKey, endpoint: Endpoint, pid: number | undefined): void {
    const same =
      pid !== undefined &&
      endpoint.protocol === 'ttrpc' &&
      endpoint.address === addressOf(task, this.#daemon) &&
      isDeepStrictEqual(argumentsSeen(pid), argumentsOf(task, this.#daemon)) &&
      editionAt(`/proc/${pid}/exe`) === editionAt(binary);
    this.#seen.set(this.#editionAt(binary), same ? endpoint.version : 'otherwise');
  }

  /**
   * Starts one that is known; it can be connected to at once, and answers when it is ready.
   * @returns undefined where it is not known, or something is at its socket
   * @throws Rejection `unavailable` where it can't be run
   */
  serve(binary: string, task: TaskKey, bundle: string): Endpoint | undefined {
    if (basename(binary) !== runcShim) return undefined;
    const version = this.#seen.get(this.#editionAt(binary));
    if (version === undefined || version === 'otherwise') return undefined;
    const endpoint: Endpoint = { version, address: addressOf(task, this.#daemon), protocol: 'ttrpc' };
    const path = socketPath(endpoint.address);
    const socket = listening(path);
    if (socket === undefined) return undefined;
    try {
      // It removes the socket that is named there when it goes.
      if (version === 2) writeFileSync(join(bundle, 'address'), endpoint.address, { mode: 0o600 });
      const { pid } = startChild({
        binary,
        args: argumentsOf(task, this.#daemon),
        cwd: bundle,
        env: {
          ...shimEnvironment(this.#daemon.ttrpcAddress),
          GOMAXPROCS: serverProcessors,
          ...(version === 3 ? { OTEL_SERVICE_NAME: `containerd-shim-${task.id}` } : {}),
        },
        descriptors: ['ignore', 'ignore', 'ignore', socket],
      });
      endBeforeDaemon(pid);
      return endpoint;
    } catch (cause) {
      rmSync(path, { force: true });
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new Rejection('unavailable', `cannot run ${binary}: ${why}`, { cause });
    } finally {
      closeSync(socket);
    }
  }

  #editionAt(binary: string): string {
    return `${binary} ${editionAt(binary)}`;
  }
}

/** @returns undefined where something is there already, or the folder is not */
const listening = (path: string): number | undefined => {
  try {
    return listenFor(path);
  } catch (error) {
    if (hasCode(error, 'EADDRINUSE', 'ENOENT')) return undefined;
    throw error;
  }
};

/** @returns undefined where there is no such program (any more) */
const editionAt = (path: string): string | undefined => {
  const found = statSync(path, { throwIfNoEntry: false });
  return found && editionOf(found);
};

/** @returns undefined where the process has gone */
const argumentsSeen = (pid: number): readonly string[] | undefined => {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').slice(1, -1);
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ESRCH')) return undefined;
    throw error;
  }
};

/** Where memory runs out a shim goes before the daemon. */
const endBeforeDaemon = (pid: number): void => {
  const own = Number(readFileSync('/proc/self/oom_score_adj', 'utf8'));
  try {
    writeFileSync(`/proc/${pid}/oom_score_adj`, String(Math.min(own + 1, OOM_SCORE_MAX)));
  } catch (error) {
    // It has ended, which whoever calls it will be told.
    if (!hasCode(error, 'ENOENT', 'ESRCH')) throw error;
  }
};
