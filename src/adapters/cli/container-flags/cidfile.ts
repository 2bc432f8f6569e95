import { closeSync, openSync, rmSync, writeSync } from 'node:fs';
import { UsageError } from '../exit-codes.ts';

/** Where `--cidfile` puts the container's id; the file must not be there yet, so that two runs never share one. */
export interface CidFile {
  write(id: string): void;
  /** Removes the file if no id was written. */
  close(): void;
}

export const openCidFile = (path: string | undefined): CidFile => {
  if (path === undefined) return { write: () => undefined, close: () => undefined };
  let fd: number;
  try {
    fd = openSync(path, 'wx', 0o644);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new UsageError(`--cidfile: cannot make '${path}': ${why}; remove it if its container is gone`, {
      cause: error,
    });
  }
  let written = false;
  return {
    write: (id) => {
      writeSync(fd, id);
      written = true;
    },
    close: () => {
      closeSync(fd);
      if (!written) rmSync(path, { force: true });
    },
  };
};
