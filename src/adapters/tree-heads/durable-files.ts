import { mkdir, open, readdir, readFile, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { hasCode } from '../syscalls/error.ts';
import { syncDirectoryAside } from '../syscalls/sync.ts';

/** Makes a folder that only its owner may enter, durably. */
export const makeFolder = async (path: string): Promise<void> => {
  const made = await mkdir(path, { recursive: true, mode: 0o700 });
  if (made === undefined) return;
  for (let at = path; ; at = dirname(at)) {
    await syncDirectoryAside(dirname(at));
    if (at === made) return;
  }
};

/** Makes a file appear with all its bytes, or not at all; replaces one of that name. */
export const createDurably = async (
  path: string,
  bytes: Uint8Array | string,
  mode: number,
): Promise<void> => {
  const temporary = `${path}.tmp`;
  const file = await open(temporary, 'w', mode);
  try {
    await file.chmod(mode);
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
  await syncDirectoryAside(dirname(path));
};

/** Bytes of a file; undefined where there is none. */
export const readIfThere = async (path: string): Promise<Buffer | undefined> => {
  try {
    return await readFile(path);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
};

/** Names in a folder, sorted; none where it is missing. */
export const namesIn = async (path: string): Promise<readonly string[]> => {
  try {
    return (await readdir(path)).sort();
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return [];
    throw error;
  }
};
