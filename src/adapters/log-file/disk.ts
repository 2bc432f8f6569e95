import type { WriterLock } from './lock.ts';

/**
 * All that the log asks of a disk. The log runs over the real one, or over one that a simulation makes, which may lose
 * what was not synced. Errors are those of the file system, with its `code` (`ENOSPC`, `EIO`…).
 */
export interface Disk {
  open(path: string, how: OpenFor): Promise<DiskFile>;
  /** Replaces what stands under the new name. Durable with `syncDirectory`. */
  rename(from: string, to: string): Promise<void>;
  /** Durable with `syncDirectory`. */
  remove(path: string): Promise<void>;
  /** Makes the names in a directory durable: a new file is lost in a crash, synced or not, without it. */
  syncDirectory(path: string): Promise<void>;
  /** Makes a directory and what is missing above it. @returns the topmost that it made, if any */
  makeDirectory(path: string): Promise<string | undefined>;
  /** Names in a directory, in no order. */
  list(directory: string): Promise<readonly string[]>;
  /** Bytes of a file. */
  size(path: string): Promise<number>;
  /** Takes the lock of a log's one writer. @throws Rejection `unavailable`, naming the process that holds it */
  lock(directory: string): Promise<WriterLock>;
}

/**
 * `read` and `write` (which reads too) open a file that is there; `replace` makes it, or empties it; `durably` is `write`
 * whose every write is durable when it has returned, as after a `syncData`.
 */
export type OpenFor = 'read' | 'write' | 'replace' | 'durably';

export interface DiskFile {
  /** Fills `into` from an offset on. @returns the bytes read; fewer than asked only at the end of the file */
  read(into: Uint8Array, offset: number): Promise<number>;
  /** Writes all of `bytes` at an offset; after a failure some of them may be there. */
  write(bytes: Uint8Array, offset: number): Promise<void>;
  truncate(length: number): Promise<void>;
  /** Makes written bytes durable, and the size where it grew. After a failure nothing since the last sync is. */
  syncData(): Promise<void>;
  /** `syncData`, and everything else about the file. */
  sync(): Promise<void>;
  close(): Promise<void>;
}
