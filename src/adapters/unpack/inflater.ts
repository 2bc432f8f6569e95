import { closeSync, readSync } from 'node:fs';
import { basename } from 'node:path';
import { kill } from 'node:process';
import { type ProcessEnd, waitForEnd } from '../syscalls/child.ts';
import { growPipe, pipe } from '../syscalls/pipe.ts';
import { spawnProcess } from '../syscalls/spawn.ts';
import { openZstdDecoder, type ZstdDecoder, ZstdError } from '../syscalls/zstd.ts';
import type { InflatedBy, UnpackJob } from './job.ts';
import { LayerError } from './layer-error.ts';

/** What a program may say before it is cut off. */
const WORDS = 4096;
const PIPE_BYTES = 1024 * 1024;

/** Where the bytes of a layer come out, uncompressed or to be inflated by the reader. */
export interface OpenStream {
  readonly fd: number;
  readonly inflate: 'none' | 'gzip' | 'zstd' | ZstdDecoder;
  /** After its last byte. @throws LayerError where whoever inflated it says that it is corrupt */
  ended(): void;
  /** Ends what still runs and closes what was opened. */
  close(): void;
}

/**
 * Starts what inflates a layer, where it has something. To be called before the thread's root is the layer's directory, which
 * a program would have for a root too, and where a library would be looked for.
 * @throws SyscallError where it can't be started
 */
export const openStream = ({ fd, inflate, by }: UnpackJob['source']): OpenStream => {
  if (by === undefined) return { fd, inflate, ended: () => undefined, close: () => undefined };
  return by.kind === 'program' ? openProgram(fd, by) : openDecoder(fd);
};

/** What the zstd library says is wrong is the layer's. */
const asLayerError = <T>(work: () => T): T => {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof ZstdError)) throw error;
    throw new LayerError(`the compressed stream is corrupt: ${error.message}`);
  }
};

const openDecoder = (fd: number): OpenStream => {
  const decoder = openZstdDecoder();
  return {
    fd,
    inflate: { ...decoder, push: (piece, take) => asLayerError(() => decoder.push(piece, take)) },
    ended: () => asLayerError(decoder.end),
    close: decoder.close,
  };
};

const openProgram = (fd: number, program: InflatedBy & { readonly kind: 'program' }): OpenStream => {
  const [out, words] = [pipe(), pipe()];
  growPipe(out.readEnd, PIPE_BYTES);
  let pid: number;
  try {
    const descriptors = [fd, out.writeEnd, words.writeEnd];
    pid = spawnProcess({ binary: program.path, args: program.args, cwd: '/', env: {}, descriptors });
  } catch (error) {
    closeSync(out.readEnd);
    closeSync(words.readEnd);
    throw error;
  } finally {
    // the program has its own; ours would keep us from ever seeing the end
    closeSync(out.writeEnd);
    closeSync(words.writeEnd);
  }
  let running = true;
  const wait = (): ProcessEnd => {
    running = false;
    return waitForEnd(pid);
  };
  return {
    fd: out.readEnd,
    inflate: 'none',
    ended: () => {
      const text = Buffer.alloc(WORDS);
      const said = text.toString('utf8', 0, readSync(words.readEnd, text, 0, WORDS, null)).trim();
      const { code, signal } = wait();
      if (code === 0) return;
      throw new LayerError(
        `the compressed stream is corrupt: ${said || `${basename(program.path)} ended with ${signal ?? `code ${code}`}`}`,
      );
    },
    close: () => {
      closeSync(out.readEnd);
      closeSync(words.readEnd);
      if (!running) return;
      kill(pid, 'SIGKILL');
      wait();
    },
  };
};
