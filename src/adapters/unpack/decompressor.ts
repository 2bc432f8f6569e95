import { type ChildProcess, spawn } from 'node:child_process';
import { accessSync, closeSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { Compression } from '../../domain/compression.ts';
import { Rejection } from '../../domain/rejection.ts';
import { hasCode } from '../syscalls/error.ts';
import { growPipe, pipe } from '../syscalls/pipe.ts';
import type { UnpackJob } from './job.ts';
import { nodeHasZstd } from './read-source.ts';

/** Programs that inflate faster than node:zlib, and in a process of their own. */
const programs = {
  gzip: { file: 'igzip', args: ['-d', '-c', '-q'] },
  zstd: { file: 'zstd', args: ['-d', '-c', '-q'] },
} as const;

/** What a child may say before it is cut off. */
const WORDS = 4096;
const PIPE_BYTES = 1024 * 1024;

const isThere = (file: string): boolean =>
  (process.env.PATH ?? '/usr/bin:/bin').split(delimiter).some((directory) => {
    try {
      accessSync(join(directory, file), constants.X_OK);
      return true;
    } catch (error) {
      if (hasCode(error, 'ENOENT', 'EACCES', 'ENOTDIR')) return false;
      throw error;
    }
  });

export interface OpenedSource {
  readonly source: UnpackJob['source'];
  /** What was wrong with the stream, in the words of whoever inflated it; undefined where nothing was. Resolves after its end. */
  fault(): Promise<Rejection | undefined>;
  /** Makes the stream end now, wherever it is. */
  interrupt(): void;
  /** Ends what still runs and closes what was opened. */
  close(): Promise<void>;
}

export interface Decompressors {
  /** Use no child processes, as on a machine without the programs. */
  readonly native: boolean;
}

/** Uncompressed bytes of an open blob, from a child process where there is a fast program, else inflated by the worker. */
export const openSource = (
  blob: number,
  compression: Compression,
  { native }: Decompressors,
): OpenedSource => {
  const nothing = { fault: async () => undefined, interrupt: () => undefined, close: async () => undefined };
  if (compression === 'none') return { source: { fd: blob, inflate: 'none' }, ...nothing };
  const program = programs[compression];
  if (native && isThere(program.file)) return fromChild(blob, program.file, program.args);
  if (compression === 'zstd' && !nodeHasZstd()) {
    throw new Rejection(
      'unimplemented',
      'unpack a zstd layer: neither the zstd program nor a Node with zstd (22.15) is here; install zstd',
    );
  }
  return { source: { fd: blob, inflate: compression }, ...nothing };
};

const fromChild = (blob: number, file: string, args: readonly string[]): OpenedSource => {
  const { readEnd, writeEnd } = pipe();
  growPipe(readEnd, PIPE_BYTES);
  let child: ChildProcess;
  try {
    child = spawn(file, args, { stdio: [blob, writeEnd, 'pipe'] });
  } catch (error) {
    closeSync(readEnd);
    throw error;
  } finally {
    closeSync(writeEnd); // the child has its own; ours would keep the reader from ever seeing the end
  }
  let said = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    said = `${said}${text}`.slice(0, WORDS);
  });
  const ended = new Promise<Rejection | undefined>((resolve) => {
    child.once('error', (error) =>
      resolve(
        new Rejection('unavailable', `${file} could not be started: ${error.message}`, { cause: error }),
      ),
    );
    child.once('close', (code, signal) => {
      const words = said.trim() || `${file} ended with ${signal ?? `code ${code}`}`;
      resolve(
        code === 0
          ? undefined
          : new Rejection('failed-precondition', `the compressed stream is corrupt: ${words}`),
      );
    });
  });
  return {
    source: { fd: readEnd, inflate: 'none' },
    fault: () => ended,
    interrupt: () => {
      child.kill('SIGKILL');
    },
    close: async () => {
      child.kill('SIGKILL');
      await ended;
      closeSync(readEnd);
    },
  };
};
