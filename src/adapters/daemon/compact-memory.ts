import { setMalloc } from '../syscalls/malloc.ts';

const KIB = 1024;

/**
 * Has the C library give memory back that is free. By itself glibc keeps a heap for each of many threads, and what was freed
 * in one serves no other; and it stops asking the kernel for large buffers one by one once some were freed, so that holes
 * between them stay. To be called before threads are started.
 * @returns whether all of it was taken
 */
export const compactMemory = (): boolean =>
  setMalloc('arenas', 1) && setMalloc('mmapThreshold', 256 * KIB) && setMalloc('trimThreshold', 1024 * KIB);
