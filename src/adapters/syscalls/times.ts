import { check, cstring, declare } from './libc.ts';

const utimensat = declare<(fd: number, path: Buffer, times: BigInt64Array, flags: number) => number>(
  'int utimensat(int fd, void *path, void *times, int flags)',
);
const futimens = declare<(fd: number, times: BigInt64Array) => number>('int futimens(int fd, void *times)');

const AT_FDCWD = -100;
const AT_SYMLINK_NOFOLLOW = 0x100;
/** struct timespec[2]: access and modification, each seconds and nanoseconds, 64-bit on every platform Node runs on. */
const times = new BigInt64Array(4);

/** Seconds since the Unix epoch, negative before it, and nanoseconds 0 to 999,999,999 counted forward from there. */
export interface FileTime {
  readonly seconds: number;
  readonly nanoseconds: number;
}

const fill = (access: FileTime, modification: FileTime) => {
  times[0] = BigInt(access.seconds);
  times[1] = BigInt(access.nanoseconds);
  times[2] = BigInt(modification.seconds);
  times[3] = BigInt(modification.nanoseconds);
};

/** Sets both times to the nanosecond, before 1970 too (Node's utimes can neither); never follows a symlink. @throws SyscallError */
export const setTimes = (path: string | Buffer, modification: FileTime, access = modification): void => {
  fill(access, modification);
  check(utimensat(AT_FDCWD, cstring(path), times, AT_SYMLINK_NOFOLLOW), 'utimensat', path);
};

/** As {@link setTimes}, on an open file. @throws SyscallError */
export const setTimesOf = (fd: number, modification: FileTime, access = modification): void => {
  fill(access, modification);
  check(futimens(fd, times), 'futimens', fd);
};
