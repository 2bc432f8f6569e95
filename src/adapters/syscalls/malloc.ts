import { declare } from './libc.ts';

/** Options of glibc's malloc (mallopt(3)). */
export const MallocOption = { trimThreshold: -1, mmapThreshold: -3, arenas: -8 } as const;

const mallopt = declare<(option: number, value: number) => number>('int mallopt(int option, int value)');

/** @returns whether the library took it */
export const setMalloc = (option: keyof typeof MallocOption, value: number): boolean =>
  mallopt(MallocOption[option], value) === 1;

const trim = declare<(pad: number) => number>('int malloc_trim(size_t pad)');

/** Gives free pages back to the kernel, also those between what is in use (malloc_trim(3)). @throws where the library has none */
export const trimMalloc = (): void => {
  trim(0);
};
