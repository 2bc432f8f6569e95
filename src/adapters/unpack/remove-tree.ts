import { lstatSync, readdirSync } from 'node:fs';
import { rmdir, unlink } from '../syscalls/entries.ts';

const bytes = (name: string) => Buffer.from(name, 'latin1');
const cname = (name: string) => Buffer.from(`${name}\0`, 'latin1');

/** Removes everything in a directory; names are bytes (latin1), relative to the working directory of the thread. */
export const emptyDirectory = (name: string): void => {
  for (const child of readdirSync(bytes(name), { encoding: 'latin1' })) removeTree(`${name}/${child}`);
};

/** Removes a name and all that lies below it; never follows a symlink. */
export const removeTree = (name: string): void => {
  if (!lstatSync(bytes(name)).isDirectory()) {
    unlink(cname(name));
    return;
  }
  emptyDirectory(name);
  rmdir(cname(name));
};
