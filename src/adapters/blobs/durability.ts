import { closeSync, fsyncSync, mkdirSync, openSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Makes names in a directory durable: a rename or a new file survives a power cut only after this. */
export const syncDirectory = async (path: string): Promise<void> => {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
};

/** Makes a directory and its missing parents, durable on return. Called at construction only, so synchronous. */
export const makeDirectory = (path: string): void => {
  const first = mkdirSync(path, { recursive: true, mode: 0o711 });
  if (first === undefined) return;
  for (let made = path; ; made = dirname(made)) {
    syncDirectorySync(dirname(made));
    if (made === first) return;
  }
};

const syncDirectorySync = (path: string): void => {
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
};
