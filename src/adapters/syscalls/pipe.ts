import { check, declare } from './libc.ts';

const pipe2 = declare<(ends: Int32Array, flags: number) => number>('int pipe2(void *ends, int flags)');
const fcntl = declare<(fd: number, command: number, value: number) => number>(
  'int fcntl(int fd, int command, int value)',
);
const lseek = declare<(fd: number, offset: number, whence: number) => number>(
  'int64_t lseek(int fd, int64_t offset, int whence)',
);

const O_CLOEXEC = 0o2000000;
const F_SETPIPE_SZ = 1031;
const SEEK_CUR = 1;

/** A pipe, both ends close-on-exec and blocking. @throws SyscallError */
export const pipe = (): { readonly readEnd: number; readonly writeEnd: number } => {
  const ends = new Int32Array(2);
  check(pipe2(ends, O_CLOEXEC), 'pipe2', '');
  const [readEnd = -1, writeEnd = -1] = ends;
  return { readEnd, writeEnd };
};

/** Asks for a larger pipe. @returns whether it was granted (the user's share of pipe memory may be used up) */
export const growPipe = (fd: number, bytes: number): boolean => fcntl(fd, F_SETPIPE_SZ, bytes) >= 0;

/** Where an open file stands, also when another process that shares it moved it on. @throws SyscallError */
export const offsetOf = (fd: number): number => check(lseek(fd, 0, SEEK_CUR), 'lseek', fd);
