import { read } from 'node:fs';
import { Socket } from 'node:net';
import { promisify } from 'node:util';
import { asRejection, Rejection } from '../../domain/rejection.ts';
import type { LayerGrowth } from '../../engine/ports/snapshots.ts';
import { growPipe, pipe } from '../syscalls/pipe.ts';

const readAsync = promisify(read);

const CHUNK = 256 * 1024;
const PIPE_BYTES = 1024 * 1024;

export interface Followed {
  /** Where the bytes come out; the caller's to close. */
  readonly fd: number;
  /** Why no more came; undefined where all did, and where the reader wanted no more. */
  fault(): Promise<Rejection | undefined>;
  /** Ends the stream; resolves when the file is no longer read. */
  stop(): Promise<void>;
}

/**
 * Makes a pipe of a file that grows. Only the event loop waits for more of it, since a thread that did would be missing
 * elsewhere; and a reader that is slow holds up nobody, since what it has not taken lies in the file.
 * @param fd is read from its offset on, which so tells how far the reader has come
 */
export const followGrowth = (fd: number, growth: LayerGrowth): Followed => {
  const { readEnd, writeEnd } = pipe();
  growPipe(readEnd, PIPE_BYTES);
  const out = new Socket({ fd: writeEnd, readable: false, writable: true });
  // The reader has gone: it says why itself.
  out.on('error', () => undefined);
  const gone = new Promise<undefined>((resolve) => {
    out.once('close', () => resolve(undefined));
  });
  const written = (bytes: Buffer): Promise<void> =>
    new Promise((resolve) => {
      out.write(bytes, () => resolve());
    });

  let reading: Promise<unknown> | undefined;
  const pump = async (): Promise<void> => {
    const buffer = Buffer.allocUnsafeSlow(CHUNK);
    for (let offset = 0; offset < growth.size; ) {
      // Whoever asks for the fault of a stream that was given up must not wait for what has yet to come.
      const there = await Promise.race([growth.beyond(offset), gone]);
      if (there === undefined) return;
      while (offset < there) {
        if (out.destroyed) return;
        const part = readAsync(fd, buffer, 0, CHUNK, null);
        reading = part;
        const { bytesRead } = await part;
        if (bytesRead === 0)
          throw new Rejection('internal', `it ends after ${offset} bytes, with ${there} said to be there`);
        offset += bytesRead;
        await written(buffer.subarray(0, bytesRead));
      }
    }
  };
  const pumped = pump().then(
    () => {
      out.end();
      return undefined;
    },
    (error: unknown) => {
      out.destroy();
      return asRejection(error);
    },
  );
  return {
    fd: readEnd,
    fault: () => pumped,
    stop: async () => {
      out.destroy();
      // Its failure is told by the fault.
      await reading?.catch(() => undefined);
    },
  };
};
