import { check, cstring, declare } from './libc.ts';

/** Making and taking away names, for names that are bytes. Modes are subject to the umask of the thread. */

const mkdirCall = declare<(path: Buffer, mode: number) => number>('int mkdir(void *path, uint32_t mode)');
const symlinkCall = declare<(target: Buffer, path: Buffer) => number>(
  'int symlink(void *target, void *path)',
);
const linkCall = declare<(existing: Buffer, path: Buffer) => number>('int link(void *existing, void *path)');
const unlinkCall = declare<(path: Buffer) => number>('int unlink(void *path)');
const rmdirCall = declare<(path: Buffer) => number>('int rmdir(void *path)');
const closeCall = declare<(fd: number) => number>('int close(int fd)');

/** mkdir(2). @throws SyscallError */
export const mkdir = (path: string | Buffer, mode: number): void => {
  check(mkdirCall(cstring(path), mode), 'mkdir', path);
};

/** symlink(2): `target` is text, not looked at. @throws SyscallError */
export const symlink = (target: string | Buffer, path: string | Buffer): void => {
  check(symlinkCall(cstring(target), cstring(path)), 'symlink', path);
};

/** link(2): links a symlink itself, not what it points at. @throws SyscallError */
export const link = (existing: string | Buffer, path: string | Buffer): void => {
  check(linkCall(cstring(existing), cstring(path)), 'link', path);
};

/** unlink(2). @throws SyscallError */
export const unlink = (path: string | Buffer): void => {
  check(unlinkCall(cstring(path)), 'unlink', path);
};

/** rmdir(2). @throws SyscallError */
export const rmdir = (path: string | Buffer): void => {
  check(rmdirCall(cstring(path)), 'rmdir', path);
};

/** close(2). @throws SyscallError */
export const close = (fd: number): void => {
  check(closeCall(fd), 'close', fd);
};
