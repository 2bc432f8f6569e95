import { constants } from 'node:os';
import { check, declare, errnoOf } from './libc.ts';

const pipe2 = declare<(ends: Int32Array, flags: number) => number>('int pipe2(void *ends, int flags)');
const fcntl = declare<(fd: number, command: number, value: number) => number>(
  'int fcntl(int fd, int command, int value)',
);
const lseek = declare<(fd: number, offset: number, whence: number) => number>(
  'int64_t lseek(int fd, int64_t offset, int whence)',
);

const spliceCall = declare<
  (from: number, fromOffset: null, to: number, toOffset: null, bytes: number, flags: number) => number
>('int64_t splice(int from, void *fromOffset, int to, void *toOffset, uint64_t bytes, uint32_t flags)');

const O_CLOEXEC = 0o2000000;
const F_SETPIPE_SZ = 1031;
const SEEK_CUR = 1;
const SPLICE_F_NONBLOCK = 2;

/** A pipe, both ends close-on-exec and blocking. @throws SyscallError */
export const pipe = (): { readonly readEnd: number; readonly writeEnd: number } => {
  const ends = new Int32Array(2);
  check(pipe2(ends, O_CLOEXEC), 'pipe2', '');
  const [readEnd = -1, writeEnd = -1] = ends;
  return { readEnd, writeEnd };
};

/** Asks for a larger pipe. @returns whether it was granted (the user's share of pipe memory may be used up) */
export const growPipe = (fd: number, bytes: number): boolean => fcntl(fd, F_SETPIPE_SZ, bytes) >= 0;

/**
 * splice(2) from where a file stands into a pipe, without waiting for room in it: pages are handed over, not copied.
 * @returns bytes moved, 0 at the end of the file; undefined where the pipe is full
 * @throws SyscallError, EPIPE where nobody reads
 */
export const splice = (from: number, to: number, bytes: number): number | undefined => {
  const moved = spliceCall(from, null, to, null, bytes, SPLICE_F_NONBLOCK);
  if (errnoOf(moved) === constants.errno.EAGAIN) return undefined;
  return check(moved, 'splice', to);
};

/** Where an open file stands, also when another process that shares it moved it on. @throws SyscallError */
export const offsetOf = (fd: number): number => check(lseek(fd, 0, SEEK_CUR), 'lseek', fd);
