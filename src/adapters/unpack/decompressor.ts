import { delimiter, join, resolve } from 'node:path';
import type { Compression } from '../../domain/compression.ts';
import { Rejection } from '../../domain/rejection.ts';
import { isExecutable } from '../syscalls/executable.ts';
import { hasZstdLibrary } from '../syscalls/zstd.ts';
import type { UnpackJob } from './job.ts';
import { nodeHasZstd } from './read-source.ts';

/** Programs that inflate faster than node:zlib, and in a process of their own. */
const programs = {
  gzip: { file: 'igzip', args: ['-d', '-c', '-q'] },
  zstd: { file: 'zstd', args: ['-d', '-c', '-q'] },
} as const;

/** Where a program is, by its absolute path; undefined where it isn't. */
const pathOf = (file: string): string | undefined =>
  (process.env.PATH ?? '/usr/bin:/bin')
    .split(delimiter)
    .map((directory) => resolve(join(directory, file)))
    .find(isExecutable);

export interface Decompressors {
  /** Use neither programs nor libraries, as on a machine without them. */
  readonly native: boolean;
}

/**
 * How a thread gets the uncompressed bytes of an open blob: by the zstd library, which takes two thirds of the processor time
 * that the program takes with its pipe; from a program where there is a fast one; else by Node.
 * @throws Rejection `unimplemented` where there is nothing to inflate with
 */
export const sourceOf = (
  fd: number,
  compression: Compression,
  { native }: Decompressors,
): UnpackJob['source'] => {
  if (compression === 'none') return { fd, inflate: 'none' };
  if (native && compression === 'zstd' && hasZstdLibrary()) {
    return { fd, inflate: compression, by: { kind: 'library' } };
  }
  const { file, args } = programs[compression];
  const path = native ? pathOf(file) : undefined;
  if (path !== undefined) return { fd, inflate: compression, by: { kind: 'program', path, args } };
  if (compression === 'zstd' && !nodeHasZstd()) {
    throw new Rejection(
      'unimplemented',
      'unpack a zstd layer: neither the zstd library or program nor a Node with zstd (22.15) is here; install zstd',
    );
  }
  return { fd, inflate: compression };
};
