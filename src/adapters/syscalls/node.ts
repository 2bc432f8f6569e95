import { check, cstring, declare } from './libc.ts';

/** File type bits of st_mode, from inode(7). */
export const FileType = {
  mask: 0o170000,
  socket: 0o140000,
  symlink: 0o120000,
  regular: 0o100000,
  block: 0o060000,
  directory: 0o040000,
  character: 0o020000,
  fifo: 0o010000,
} as const;

const call = declare<(path: Buffer, mode: number, device: bigint) => number>(
  'int mknod(void *path, uint32_t mode, uint64_t device)',
);

/** A device number as the C library packs it (makedev(3)). */
export const deviceNumber = (major: number, minor: number): bigint => {
  const big = BigInt(major);
  const small = BigInt(minor);
  return (
    ((big & 0xfffff000n) << 32n) | ((big & 0xfffn) << 8n) | ((small & 0xffffff00n) << 12n) | (small & 0xffn)
  );
};

/** The two halves of a device number (`st_rdev`). */
export const deviceHalves = (device: bigint): { major: number; minor: number } => ({
  major: Number(((device >> 32n) & 0xfffff000n) | ((device >> 8n) & 0xfffn)),
  minor: Number(((device >> 12n) & 0xffffff00n) | (device & 0xffn)),
});

/**
 * mknod(2); `mode` holds type and permission bits, the latter subject to the umask of the thread.
 * @throws SyscallError
 */
export const mknod = (path: string | Buffer, mode: number, device = 0n): void => {
  check(call(cstring(path), mode, device), 'mknod', path);
};
