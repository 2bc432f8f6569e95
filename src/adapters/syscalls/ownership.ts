import { check, cstring, declare } from './libc.ts';

const lchownCall = declare<(path: Buffer, uid: number, gid: number) => number>(
  'int lchown(void *path, uint32_t uid, uint32_t gid)',
);
const fchownCall = declare<(fd: number, uid: number, gid: number) => number>(
  'int fchown(int fd, uint32_t uid, uint32_t gid)',
);
const chmodCall = declare<(path: Buffer, mode: number) => number>('int chmod(void *path, uint32_t mode)');
const fchmodCall = declare<(fd: number, mode: number) => number>('int fchmod(int fd, uint32_t mode)');

/** lchown(2): ids are unsigned 32-bit; 4294967295 leaves one as it is. Strips set-id bits and capabilities. @throws SyscallError */
export const lchown = (path: string | Buffer, uid: number, gid: number): void => {
  check(lchownCall(cstring(path), uid, gid), 'lchown', path);
};

/** fchown(2). @throws SyscallError */
export const fchown = (fd: number, uid: number, gid: number): void => {
  check(fchownCall(fd, uid, gid), 'fchown', fd);
};

/** chmod(2): follows symlinks; all twelve bits. @throws SyscallError */
export const chmod = (path: string | Buffer, mode: number): void => {
  check(chmodCall(cstring(path), mode), 'chmod', path);
};

/** fchmod(2). @throws SyscallError */
export const fchmod = (fd: number, mode: number): void => {
  check(fchmodCall(fd, mode), 'fchmod', fd);
};
