import { constants } from 'node:os';
import { check, declare } from './libc.ts';
import { type SpawnOrder, spawnProcess } from './spawn.ts';

const waitpid = declare<(pid: number, status: Int32Array, options: number) => number>(
  'int waitpid(int pid, void *status, int options)',
);
const WNOHANG = 1;

/** How a process ended: one of the two. */
export interface ProcessEnd {
  readonly code: number | undefined;
  readonly signal: NodeJS.Signals | undefined;
}

const signalNames: ReadonlyMap<number, NodeJS.Signals> = new Map(
  Object.entries(constants.signals).map(([name, number]) => [number, name as NodeJS.Signals]),
);

/** From wait(2): the low seven bits are the signal, the byte above them the exit code. */
const endOf = (status: number): ProcessEnd => {
  const signal = status & 0x7f;
  return signal === 0
    ? { code: (status >> 8) & 0xff, signal: undefined }
    : { code: undefined, signal: signalNames.get(signal) ?? 'SIGKILL' };
};

interface Waiting {
  readonly end: (how: ProcessEnd) => void;
  readonly fail: (error: unknown) => void;
}
const waiting = new Map<number, Waiting>();

/** SIGCHLD tells of several at once. Each is asked for by its id, so that the children of others, such as Node's, stay theirs. */
const reap = (): void => {
  const status = new Int32Array(1);
  for (const [pid, { end, fail }] of waiting) {
    try {
      if (check(waitpid(pid, status, WNOHANG), 'waitpid', pid) === 0) continue;
      end(endOf(status[0] ?? 0));
    } catch (error) {
      fail(error);
    }
    waiting.delete(pid);
  }
};

/** A program that was started from here; it does not keep this process from ending. */
export class Child {
  readonly pid: number;
  /** @throws SyscallError where somebody else has waited for it */
  readonly ended: Promise<ProcessEnd>;

  constructor(pid: number) {
    this.pid = pid;
    this.ended = new Promise((end, fail) => waiting.set(pid, { end, fail }));
    // Told by whoever asks for it.
    this.ended.catch(() => undefined);
  }

  /** Nothing where it has ended: its number may be another's by then. */
  kill(signal: NodeJS.Signals): void {
    if (waiting.has(this.pid)) process.kill(this.pid, signal);
  }
}

/**
 * Starts a program and waits for it. On the main thread only: no other is told of signals.
 * @throws SyscallError as `spawnProcess`
 */
export const startChild = (order: SpawnOrder): Child => {
  if (!process.listeners('SIGCHLD').includes(reap)) process.on('SIGCHLD', reap);
  return new Child(spawnProcess(order));
};

/** Blocks the calling thread, which must be no other than a worker, until a program of `spawnProcess` has ended. @throws SyscallError */
export const waitForEnd = (pid: number): ProcessEnd => {
  const status = new Int32Array(1);
  check(waitpid(pid, status, 0), 'waitpid', pid);
  return endOf(status[0] ?? 0);
};
