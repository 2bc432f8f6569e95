import type { ExecId } from '../../domain/identity.ts';
import type { TaskKey } from './task-key.ts';

/**
 * The standard streams of processes, held by something that outlives the daemon: output is written to the container's log
 * file (CRI format, rotated by size) and handed to whoever is attached, also while no daemon runs, and nothing is lost
 * when the process exits meanwhile.
 *
 * Life of a process's streams. `open` makes the fifos, durable in the sense that a crash of the daemon leaves them
 * working, and returns their paths for the runtime. Any number may `attach`, before or after the start; each sees output
 * from then on, and sees the end once everything was written by the process and its descendants that hold the streams.
 * `drained` resolves when the output has ended and stands in the log file. `close` frees the fifos. After a restart of
 * the daemon all of it goes on by the same key; `open` again returns the same paths.
 */
export interface Stdio {
  open(process: ProcessKey, options: StdioOptions): Promise<StdioPaths>;
  attach(process: ProcessKey): Promise<Attachment>;
  /**
   * Resolves at the end of output, or after `timeoutMs` (a descendant may hold the streams for ever). To be asked once
   * the process is known to be over: nobody writing is taken for the end. Resolves at once where nothing is open.
   */
  drained(process: ProcessKey, timeoutMs: number): Promise<void>;
  close(process: ProcessKey): Promise<void>;
  /** Keys that are open, for the sweep at boot. */
  list(): Promise<readonly ProcessKey[]>;
}

export interface ProcessKey extends TaskKey {
  /** Absent for the task's own process. */
  readonly execId?: ExecId;
}

export interface StdioOptions {
  readonly terminal: boolean;
  readonly stdin: boolean;
  /** Where output is kept; absent for execs. */
  readonly log?: LogFileOptions;
  /** Name of the container's runtime, which may hold the streams itself; absent for execs. */
  readonly runtime?: string;
}

export interface LogFileOptions {
  readonly path: string;
  /** A file is rotated before it grows past this. */
  readonly maxBytes: number;
  /** Files kept, the current one included. */
  readonly maxFiles: number;
}

/** Paths for the runtime; an empty string where there is no such stream. With a terminal there is no stderr. */
export interface StdioPaths {
  readonly stdin: string;
  readonly stdout: string;
  readonly stderr: string;
  readonly terminal: boolean;
}

export interface Attachment {
  /**
   * Ends when the output of the process has ended. Must be read: a reader that is too slow slows the process down for a
   * few seconds, then is let go with `resource-exhausted` (the log has everything). `unavailable` when the holder is lost.
   */
  readonly output: AsyncIterable<OutputChunk>;
  write(bytes: Uint8Array): Promise<void>;
  /** Resolves when what was written is with the process and this end is closed. */
  closeStdin(): Promise<void>;
  /** Stops following; the process goes on. */
  detach(): Promise<void>;
}

export interface OutputChunk {
  readonly stream: 'stdout' | 'stderr';
  readonly bytes: Uint8Array;
}

/** Reads log files of containers back. */
export interface ContainerLogs {
  /** Entries in order, rotated files first; with `follow` goes on until the signal or until `ended` resolves. */
  read(path: string, options: ReadLogs): AsyncIterable<LogEntry>;
}

export interface ReadLogs {
  readonly follow: boolean;
  /** Last so many entries; all when absent. */
  readonly tail?: number;
  /** Microseconds since the Unix epoch, inclusive. */
  readonly since?: number;
  readonly until?: number;
  readonly signal?: AbortSignal;
  /** Resolves when nothing more will be written. */
  readonly ended?: Promise<void>;
}

export interface LogEntry {
  /** Microseconds since the Unix epoch. */
  readonly time: number;
  readonly stream: 'stdout' | 'stderr';
  /** Text as written, its line break included where it had one. */
  readonly bytes: Uint8Array;
}
