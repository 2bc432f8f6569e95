import { accessSync, constants } from 'node:fs';
import { hasCode } from './error.ts';

/** Whether there is a program at a path that this process may run. */
export const isExecutable = (path: string): boolean => {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR', 'EACCES')) return false;
    throw error;
  }
};
