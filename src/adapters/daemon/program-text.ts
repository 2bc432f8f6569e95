import { readFileSync } from 'node:fs';
import { dropPages } from '../syscalls/advise.ts';

/** Code of a file, which nobody can write: `start-end r-xp offset device inode path` of proc_pid_maps(5), inode not 0. */
const CODE_OF_FILE = /^([0-9a-f]+)-([0-9a-f]+) r-xp \S+ \S+ [1-9]\d*\s/gm;

const address = (hexadecimal: string | undefined): bigint => BigInt(`0x${hexadecimal}`);

/**
 * Lets go of the pages of code that this process has read of node and its libraries: most of them served its start only.
 * Those that it runs again come back from the page cache, sixteen at a time.
 * @returns how many mappings there were
 */
export const dropProgramText = (): number => {
  const mappings = [...readFileSync('/proc/self/maps', 'utf8').matchAll(CODE_OF_FILE)];
  for (const [, start, end] of mappings) dropPages(address(start), address(end));
  return mappings.length;
};
