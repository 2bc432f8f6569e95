import {
  close as closeCallback,
  constants,
  fdatasync as fdatasyncCallback,
  fsync as fsyncCallback,
  ftruncate as ftruncateCallback,
  open as openCallback,
  read as readCallback,
  write as writeCallback,
} from 'node:fs';
import { promisify } from 'node:util';
import type { DiskFile, OpenFor } from './disk.ts';

const open = promisify(openCallback);
const close = promisify(closeCallback);
const truncate = promisify(ftruncateCallback);
const sync = promisify(fsyncCallback);
const syncData = promisify(fdatasyncCallback);

const { O_CREAT, O_DSYNC, O_RDONLY, O_RDWR, O_TRUNC } = constants;
const flags = {
  read: O_RDONLY,
  write: O_RDWR,
  replace: O_RDWR | O_CREAT | O_TRUNC,
  // Writes and syncs in one call, so in one hop to the thread pool.
  durably: O_RDWR | O_DSYNC,
} satisfies Record<OpenFor, number>;

/**
 * A plain descriptor and the callback calls of node:fs: a FileHandle costs several microseconds more per call, which
 * shows beside a sync of a hundred.
 */
class RealFile implements DiskFile {
  readonly #fd: number;

  constructor(fd: number) {
    this.#fd = fd;
  }

  read(into: Uint8Array, offset: number): Promise<number> {
    return new Promise((resolve, reject) => {
      const from = (done: number): void =>
        readCallback(this.#fd, into, done, into.length - done, offset + done, (error, count) => {
          if (error !== null) reject(error);
          else if (count === 0 || done + count === into.length) resolve(done + count);
          else from(done + count);
        });
      from(0);
    });
  }

  write(bytes: Uint8Array, offset: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const from = (done: number): void =>
        writeCallback(this.#fd, bytes, done, bytes.length - done, offset + done, (error, written) => {
          if (error !== null) reject(error);
          else if (done + written < bytes.length) from(done + written);
          else resolve();
        });
      from(0);
    });
  }

  truncate(length: number): Promise<void> {
    return truncate(this.#fd, length);
  }

  syncData(): Promise<void> {
    return syncData(this.#fd);
  }

  sync(): Promise<void> {
    return sync(this.#fd);
  }

  close(): Promise<void> {
    return close(this.#fd);
  }
}

/** Opens a file of this machine. */
export const openFile = async (path: string, how: OpenFor): Promise<DiskFile> =>
  new RealFile(await open(path, flags[how], 0o600));
