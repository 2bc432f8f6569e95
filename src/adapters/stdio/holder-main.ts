import { existsSync, ftruncateSync, openSync, rmSync, writeSync } from 'node:fs';
import { flockSync } from 'fs-ext';
import { hasCode } from '../syscalls/error.ts';
import { createHolder } from './holder.ts';
import { lockOf, socketOf } from './layout.ts';

/**
 * The stdio holder: one small process for a host, which keeps the output of containers flowing while the daemon is down.
 * Started by the daemon as `node stdio-holder.js DIRECTORY IDLE_MS`; writes `ready` to its standard output when it
 * listens, or when another holder already does. Ends by itself once it has held nothing, with nobody connected, for
 * IDLE_MS milliseconds; also when its folder was removed and every process it holds has ended. Complaints go to standard error.
 */
const complain = (words: string): void => {
  writeSync(2, `${new Date().toISOString()} ${words}\n`);
};

/** @returns whether this process is the one holder now; the lock goes with the process */
const lock = (directory: string): boolean => {
  const fd = openSync(lockOf(directory), 'a', 0o600);
  try {
    flockSync(fd, 'exnb');
    ftruncateSync(fd);
    writeSync(fd, `${process.pid}\n`);
    return true;
  } catch (error) {
    if (hasCode(error, 'EAGAIN', 'EWOULDBLOCK')) return false;
    throw error;
  }
};

const ready = (): void => {
  writeSync(1, 'ready\n');
};

const hold = (directory: string, idleMs: number): void => {
  const holder = createHolder(directory, complain);
  const socket = socketOf(directory);
  rmSync(socket, { force: true });
  holder.server.once('error', (error) => {
    complain(`cannot listen at ${socket}: ${error.message}`);
    process.exit(1);
  });
  process.umask(0o177);
  holder.server.listen(socket, () => {
    process.umask(0o077);
    ready();
  });
  let idleSince = performance.now();
  setInterval(
    () => {
      if (!holder.idle(!existsSync(socket))) idleSince = performance.now();
      // The socket stays: the next holder removes it, and only under the lock.
      else if (performance.now() - idleSince >= idleMs) process.exit(0);
    },
    Math.min(idleMs, 1000),
  );
};

const [directory, idleText] = process.argv.slice(2);
const idleMs = Number(idleText);
if (directory === undefined || !Number.isFinite(idleMs) || idleMs <= 0) {
  complain('usage: stdio-holder DIRECTORY IDLE_MS');
  process.exit(2);
}
process.title = 'shiplog-stdio';
process.on('SIGHUP', () => complain('SIGHUP is ignored: containers need this process'));
process.on('SIGINT', () => complain('SIGINT is ignored: containers need this process'));
process.on('uncaughtException', (error) => complain(error.stack ?? error.message));
if (lock(directory)) hold(directory, idleMs);
else ready();
