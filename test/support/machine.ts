import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

const isExecutable = (path: string): boolean => {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error) return false;
    throw error;
  }
};

/** Where a program is, looking through PATH and the system folders that PATH may leave out. */
export const findProgram = (name: string): string | undefined =>
  [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin']
    .map((directory) => join(directory, name))
    .find(isExecutable);

/** Why this machine can't run a test that needs root and these programs; undefined where it can. */
export const missingHere = (needs: { root?: boolean; programs?: readonly string[] }): string | undefined => {
  if (needs.root && process.getuid?.() !== 0) return 'needs root';
  const missing = (needs.programs ?? []).filter((name) => findProgram(name) === undefined);
  return missing.length === 0 ? undefined : `needs ${missing.join(', ')}`;
};
