import { ftruncateSync, readSync, writeSync } from 'node:fs';
import { check, cstring, declare } from './libc.ts';
import { offsetOf } from './pipe.ts';

const memfd = declare<(name: Buffer, flags: number) => number>(
  'int memfd_create(void *name, uint32_t flags)',
);
const lseek = declare<(fd: number, offset: number, whence: number) => number>(
  'int64_t lseek(int fd, int64_t offset, int whence)',
);
const fcntl = declare<(fd: number, command: number, value: number) => number>(
  'int fcntl(int fd, int command, int value)',
);

const MFD_CLOEXEC = 1;
const MFD_ALLOW_SEALING = 2;
const F_ADD_SEALS = 1033;
const F_SEAL_GROW = 4;
const SEEK_SET = 0;

const made = (name: string): number =>
  check(memfd(cstring(name), MFD_CLOEXEC | MFD_ALLOW_SEALING), 'memfd_create', name);

/** A file in memory that is read from its beginning, as a program's input. @returns a descriptor @throws SyscallError */
export const memoryInput = (name: string, bytes: Uint8Array): number => {
  const fd = made(name);
  for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
  check(lseek(fd, 0, SEEK_SET), 'lseek', fd);
  return fd;
};

/**
 * A file in memory for a program's output: writing more than `limit` bytes fails with EPERM. Only what was written takes
 * memory.
 * @returns a descriptor @throws SyscallError
 */
export const memoryOutput = (name: string, limit: number): number => {
  const fd = made(name);
  ftruncateSync(fd, limit);
  check(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW), 'fcntl', fd);
  return fd;
};

/** What was written to it so far, told by how far the writers have come: they share one offset. */
export const writtenTo = (fd: number): Buffer => {
  const bytes = Buffer.alloc(offsetOf(fd));
  let read = 0;
  while (read < bytes.length) {
    const more = readSync(fd, bytes, read, bytes.length - read, read);
    if (more === 0) break;
    read += more;
  }
  return bytes.subarray(0, read);
};
