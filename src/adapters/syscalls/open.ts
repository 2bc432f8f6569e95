import { check, cstring, declare } from './libc.ts';

/** Flags of open(2) on x86-64 and arm64 come from Node; those it doesn't name are here. */
export const O_PATH = 0o10000000;
export const O_CLOEXEC = 0o2000000;

/** Resolve flags of openat2(2), from uapi/linux/openat2.h. */
export const Resolve = {
  noXdev: 0x01,
  noMagiclinks: 0x02,
  noSymlinks: 0x04,
  beneath: 0x08,
  inRoot: 0x10,
} as const;

const SYS_OPENAT2 = 437; // the same number on every architecture
const openat2Call = declare<
  (number: number, fd: number, path: Buffer, how: BigUint64Array, size: number) => number
>('int64_t syscall(int64_t number, int64_t fd, void *path, void *how, uint64_t size)');
const openCall = declare<(path: Buffer, flags: number, mode: number) => number>(
  'int open(void *path, int flags, uint32_t mode)',
);

/**
 * openat2(2), Linux 5.6 and later: opens `path` seen from the directory `fd`, under the rules of `resolve`.
 * @param mode permission bits where O_CREAT is given, otherwise 0
 * @returns a descriptor, close-on-exec
 * @throws SyscallError, EXDEV where the path would leave, ELOOP where a symlink is refused
 */
export const openat2 = (
  fd: number,
  path: string | Buffer,
  options: { readonly flags: number; readonly mode?: number; readonly resolve: number },
): number => {
  const how = new BigUint64Array([
    BigInt(options.flags | O_CLOEXEC),
    BigInt(options.mode ?? 0),
    BigInt(options.resolve),
  ]);
  return check(openat2Call(SYS_OPENAT2, fd, cstring(path), how, how.byteLength), 'openat2', path);
};

/** open(2) for names that are bytes. @returns a descriptor, close-on-exec. @throws SyscallError */
export const open = (path: string | Buffer, flags: number, mode = 0): number =>
  check(openCall(cstring(path), flags | O_CLOEXEC, mode), 'open', path);
