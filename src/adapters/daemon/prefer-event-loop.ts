import { getPriority } from 'node:os';
import { hasCode } from '../syscalls/error.ts';
import { setThreadNice } from '../syscalls/scheduling.ts';

/** So far before all others that it gets the processor at once, and still not a real-time thread. */
const NICE = -10;

/**
 * Puts the calling thread, which must be that of the event loop, before the threads and programs that unpack layers beside
 * it: it answers every call. They, and all containers, stay where they would be. A daemon that was started with a priority
 * of somebody's choice keeps that.
 * @returns whether it was done; it needs CAP_SYS_NICE
 */
export const preferEventLoop = (): boolean => {
  if (getPriority() !== 0) return false;
  try {
    setThreadNice(NICE);
    return true;
  } catch (error) {
    if (hasCode(error, 'EACCES', 'EPERM')) return false;
    throw error;
  }
};
