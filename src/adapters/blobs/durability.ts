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

/**
 * Makes directories and their missing parents, durable on return: all are made before the first is synced, so that they
 * share the file system's commit. Called at construction only, so synchronous.
 */
export const makeDirectories = (paths: readonly string[]): void => {
  const parents = new Set<string>();
  for (const path of paths) {
    const first = mkdirSync(path, { recursive: true, mode: 0o711 });
    if (first === undefined) continue;
    for (let made = path; ; made = dirname(made)) {
      parents.add(dirname(made));
      if (made === first) break;
    }
  }
  for (const parent of parents) syncDirectorySync(parent);
};

const syncDirectorySync = (path: string): void => {
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
};
