import { check, cstring, declare } from './libc.ts';

/**
 * A thread's own view of the file system. Linux keeps root, working directory and umask per task; threads of a process
 * share them until one calls unshare(2) with CLONE_FS. Only worker threads may do this: the main thread shares its view
 * with libuv's pool, which would keep the old one.
 */

const unshare = declare<(flags: number) => number>('int unshare(int flags)');
const chrootCall = declare<(path: Buffer) => number>('int chroot(void *path)');
const fchdirCall = declare<(fd: number) => number>('int fchdir(int fd)');
const umaskCall = declare<(mask: number) => number>('uint32_t umask(uint32_t mask)');

const CLONE_FS = 0x200;

/** From here on this thread's root, working directory and umask are its own. @throws SyscallError */
export const unshareFileSystemView = (): void => {
  check(unshare(CLONE_FS), 'unshare', '');
};

/** Sets the umask. @returns the one before */
export const umask = (mask: number): number => umaskCall(mask);

/** fchdir(2). @throws SyscallError */
export const fchdir = (fd: number): void => {
  check(fchdirCall(fd), 'fchdir', fd);
};

/** chroot(2) to a path seen from here, `.` for the working directory; needs CAP_SYS_CHROOT. @throws SyscallError */
export const chroot = (path: string): void => {
  check(chrootCall(cstring(path)), 'chroot', path);
};
