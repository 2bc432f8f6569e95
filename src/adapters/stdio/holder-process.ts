import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { Rejection } from '../../domain/rejection.ts';
import { hasCode } from '../syscalls/error.ts';
import { complaintsOf, socketOf } from './layout.ts';

export interface HolderCommand {
  /** Gone after a reboot; short, since a socket's path may hold 107 bytes. */
  readonly directory: string;
  /** The holder's bundled entry file. */
  readonly entry: string;
  readonly idleMs: number;
}

/** How long a holder may take to be there, in milliseconds. */
const startLimitMs = 10_000;
/** Between tries, in milliseconds. */
const retryMs = 10;

/** Small heaps: the holder's own state is a few kilobytes for each process. */
const nodeFlags = [
  '--max-semi-space-size=1',
  '--max-old-space-size=128',
  '--v8-pool-size=0',
  '--single-threaded-gc',
];

/** Connects to the holder, after starting it where none answers. @throws Rejection `unavailable` */
export const connectHolder = async (command: HolderCommand): Promise<Socket> => {
  const until = performance.now() + startLimitMs;
  for (let attempt = 0; ; attempt++) {
    const socket = await tryConnect(socketOf(command.directory));
    if (socket) return socket;
    if (performance.now() > until) {
      throw new Rejection(
        'unavailable',
        `no stdio holder answers at ${socketOf(command.directory)}; see ${complaintsOf(command.directory)}`,
      );
    }
    if (attempt > 0) await new Promise((resolve) => setTimeout(resolve, retryMs));
    await startHolder(command);
  }
};

/** @returns undefined where nobody listens */
export const tryConnect = (path: string): Promise<Socket | undefined> =>
  new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.removeAllListeners('error');
      resolve(socket);
    });
    socket.once('error', (error) => {
      if (hasCode(error, 'ENOENT', 'ECONNREFUSED', 'ECONNRESET')) resolve(undefined);
      else
        reject(
          new Rejection('unavailable', `cannot reach the stdio holder: ${error.message}`, { cause: error }),
        );
    });
  });

/** Starts a holder in a session of its own and waits until it, or one that was there already, is ready. */
const startHolder = (command: HolderCommand): Promise<void> => {
  const complaints = openSync(complaintsOf(command.directory), 'a', 0o600);
  const child = spawn(
    process.execPath,
    [...nodeFlags, command.entry, command.directory, String(command.idleMs)],
    { detached: true, stdio: ['ignore', 'pipe', complaints], cwd: '/', env: { PATH: process.env.PATH } },
  );
  closeSync(complaints);
  child.unref();
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      reject(new Rejection('unavailable', `the stdio holder was not ready within ${startLimitMs} ms`));
    }, startLimitMs);
    const settle = (error?: Rejection): void => {
      clearTimeout(timer);
      child.stdout?.destroy();
      if (error) reject(error);
      else resolve();
    };
    child.stdout?.once('data', () => settle());
    child.once('error', (cause) =>
      settle(new Rejection('unavailable', `cannot start the stdio holder: ${cause.message}`, { cause })),
    );
    child.once('exit', (code, signal) =>
      settle(
        code === 0
          ? undefined
          : new Rejection(
              'unavailable',
              `the stdio holder ended (${signal ?? code}); see ${complaintsOf(command.directory)}`,
            ),
      ),
    );
  });
};
