import { closeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { asRejection, Rejection } from '../../domain/rejection.ts';
import type { LayerGrowth } from '../../engine/ports/snapshots.ts';
import { hasCode } from '../syscalls/error.ts';
import { growPipe, pipe, splice } from '../syscalls/pipe.ts';

const PIPE_BYTES = 1024 * 1024;
/** Milliseconds until a full pipe is tried again; what it holds keeps its reader busy for longer. */
const FULL = 4;

export interface Followed {
  /** Where the bytes come out; the caller's to close. */
  readonly fd: number;
  /** Once the reader is done, which ends the stream: why no more came; undefined where it wanted no more, or got all. */
  fault(): Promise<Rejection | undefined>;
  /** Ends the stream; resolves when the file is no longer read. */
  stop(): Promise<void>;
}

/**
 * Makes a pipe of a file that grows. Only the event loop waits for more of it, since a thread that did would be missing
 * elsewhere; and a reader that is slow holds up nobody, since what it has not taken lies in the file. The event loop does
 * not touch the bytes: the kernel hands pages of the file to the pipe.
 * @param fd is read from its offset on, which so tells how far the reader has come
 */
export const followGrowth = (fd: number, growth: LayerGrowth): Followed => {
  const { readEnd, writeEnd } = pipe();
  growPipe(readEnd, PIPE_BYTES);
  const stopping = new AbortController();
  const stopped = new Promise<undefined>((resolve) => {
    stopping.signal.addEventListener('abort', () => resolve(undefined), { once: true });
  });

  const pump = async (): Promise<void> => {
    for (let offset = 0; offset < growth.size; ) {
      // A reader that is done must not wait for what has yet to come.
      const there = await Promise.race([growth.beyond(offset), stopped]);
      if (there === undefined) return;
      while (offset < there) {
        if (stopping.signal.aborted) return;
        const moved = splice(fd, writeEnd, Math.min(PIPE_BYTES, there - offset));
        if (moved === 0)
          throw new Rejection('internal', `it ends after ${offset} bytes, with ${there} said to be there`);
        if (moved === undefined) await Promise.race([sleep(FULL), stopped]);
        else offset += moved;
      }
    }
  };
  const pumped = pump()
    .then(
      () => undefined,
      // The reader has gone: it says why itself.
      (error: unknown) => (hasCode(error, 'EPIPE') ? undefined : asRejection(error)),
    )
    .finally(() => closeSync(writeEnd));
  const end = () => {
    stopping.abort();
    return pumped;
  };
  return {
    fd: readEnd,
    // Where no more came, the reader was told by the end of the pipe, and `pumped` is settled.
    fault: end,
    stop: async () => {
      await end();
    },
  };
};
