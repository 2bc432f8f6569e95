import { hasCode } from './error.ts';
import { check, cstring, declare } from './libc.ts';

type Target = string | Buffer | number;

const lset = declare<(path: Buffer, name: Buffer, value: Buffer, size: number, flags: number) => number>(
  'int lsetxattr(void *path, void *name, void *value, uint64_t size, int flags)',
);
const fset = declare<(fd: number, name: Buffer, value: Buffer, size: number, flags: number) => number>(
  'int fsetxattr(int fd, void *name, void *value, uint64_t size, int flags)',
);
const lget = declare<(path: Buffer, name: Buffer, value: Buffer, size: number) => number>(
  'int64_t lgetxattr(void *path, void *name, void *value, uint64_t size)',
);
const fget = declare<(fd: number, name: Buffer, value: Buffer, size: number) => number>(
  'int64_t fgetxattr(int fd, void *name, void *value, uint64_t size)',
);
const llist = declare<(path: Buffer, list: Buffer, size: number) => number>(
  'int64_t llistxattr(void *path, void *list, uint64_t size)',
);
const flist = declare<(fd: number, list: Buffer, size: number) => number>(
  'int64_t flistxattr(int fd, void *list, uint64_t size)',
);

const lremove = declare<(path: Buffer, name: Buffer) => number>('int lremovexattr(void *path, void *name)');

const fremove = declare<(fd: number, name: Buffer) => number>('int fremovexattr(int fd, void *name)');

/** The kernel's bound for one value and for the list of names. */
const XATTR_MAX = 65_536;
/** One for the thread: a call fills it and its bytes are copied out before the next. */
const scratch = Buffer.alloc(XATTR_MAX);

/** Sets an extended attribute on the path itself, never on what a symlink points at, or on an open file. @throws SyscallError, ENOTSUP where the file system has none */
export const setXattr = (target: Target, name: string | Buffer, value: Buffer): void => {
  const result =
    typeof target === 'number'
      ? fset(target, cstring(name), value, value.length, 0)
      : lset(cstring(target), cstring(name), value, value.length, 0);
  check(result, 'setxattr', target);
};

/** @returns the value, or undefined where there is none. @throws SyscallError */
export const getXattr = (target: Target, name: string | Buffer): Buffer | undefined => {
  const result =
    typeof target === 'number'
      ? fget(target, cstring(name), scratch, XATTR_MAX)
      : lget(cstring(target), cstring(name), scratch, XATTR_MAX);
  try {
    return Buffer.from(scratch.subarray(0, check(result, 'getxattr', target)));
  } catch (error) {
    if (hasCode(error, 'ENODATA', 'ENOTSUP', 'EOPNOTSUPP')) return undefined;
    throw error;
  }
};

/** Names as bytes, one character a byte (latin1); empty where the file system has none. @throws SyscallError */
export const listXattrs = (target: Target): readonly string[] => {
  const result =
    typeof target === 'number'
      ? flist(target, scratch, XATTR_MAX)
      : llist(cstring(target), scratch, XATTR_MAX);
  try {
    const size = check(result, 'listxattr', target);
    return scratch.toString('latin1', 0, size).split('\0').slice(0, -1);
  } catch (error) {
    if (hasCode(error, 'ENOTSUP', 'EOPNOTSUPP')) return [];
    throw error;
  }
};

/** Takes an extended attribute from the path itself, or from an open file. @throws SyscallError, ENODATA where there is none */
export const removeXattr = (target: Target, name: string | Buffer): void => {
  const result =
    typeof target === 'number' ? fremove(target, cstring(name)) : lremove(cstring(target), cstring(name));
  check(result, 'removexattr', target);
};
