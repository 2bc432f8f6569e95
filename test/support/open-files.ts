import { readdirSync, readlinkSync } from 'node:fs';
import { hasCode } from '../../src/adapters/syscalls/error.ts';

/** What a descriptor stands for; undefined for one that is closed by now, as that of the listing itself is. */
const targetOf = (fd: string): string | undefined => {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
};

/** Of an event loop, which a thread has for itself: what it waits with, and a pipe for signals, both of whose ends are here. */
const ofAnEventLoop = (target: string, _: number, all: readonly string[]): boolean =>
  target.startsWith('anon_inode:') ||
  (target.startsWith('pipe:') && all.indexOf(target) !== all.lastIndexOf(target));

/** What this process has open, but for what comes and goes with its threads. */
export const openFiles = (): readonly string[] => {
  const targets = readdirSync('/proc/self/fd').flatMap((fd) => targetOf(fd) ?? []);
  return targets.filter((...one) => !ofAnEventLoop(...one)).toSorted();
};
