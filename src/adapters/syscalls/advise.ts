import { check, declare } from './libc.ts';

const madvise = declare<(address: bigint, length: bigint, advice: number) => number>(
  'int madvise(uintptr_t address, size_t length, int advice)',
);

const MADV_DONTNEED = 4;

/**
 * Takes the pages of a mapping out of this process; those of a file come back from the page cache at the next touch. What
 * was written to a private mapping is lost: only for mappings that can't be written.
 * @param start first address, of a page @param end address after the last
 * @throws SyscallError
 */
export const dropPages = (start: bigint, end: bigint): void => {
  check(madvise(start, end - start, MADV_DONTNEED), 'madvise', `0x${start.toString(16)}`);
};
