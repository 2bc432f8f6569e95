import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Rejection } from '../../domain/rejection.ts';
import { runToEnd } from '../syscalls/run-to-end.ts';

/** Directories that are deleted together. */
const BATCH = 64;
/** How long one rm may take, in milliseconds: longer than any tree needs. */
const PATIENCE = 24 * 60 * 60 * 1000;
/** Directories waiting; a caller over it is told to come back. */
const WAITING = 100_000;
/** Milliseconds that one process works alone: few trees take longer. */
const ALONE = 20;
/** Milliseconds until those that were asked for about the same time begin together. */
const GATHER = 2;

/** A tree that waits to be deleted. */
interface Waiting {
  readonly path: string;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** @throws Error with rm's own words */
const rm = async (paths: readonly string[]): Promise<void> => {
  const { code, signal, complaints } = await runToEnd({
    binary: 'rm',
    args: ['-rf', '--', ...paths],
    cwd: '/',
    env: process.env,
    timeoutMs: PATIENCE,
  });
  if (code !== 0)
    throw new Error(complaints.toString('utf8').trim() || `rm: ${signal ?? `exit code ${code}`}`);
};

/**
 * Deletes trees in the background, by rm(1): in its own process it holds up neither the event loop nor libuv's pool, and
 * it walks by descriptors, so that deep and byte-named trees are nothing special, and a name that somebody turns into a
 * symlink meanwhile leads nowhere. Many removals share a process. Deleting is the kernel's work, on one processor for each
 * who asks: where there is much of it, a second process takes the same trees from the other end of the list, and the two
 * meet somewhere.
 */
export const createTreeRemoval = () => {
  const waiting: Waiting[] = [];
  let running = false;

  const removeAll = async (paths: readonly string[]): Promise<void> => {
    const over = new AbortController();
    const forwards = rm(paths).finally(() => over.abort());
    const backwards = sleep(ALONE, undefined, { signal: over.signal }).then(
      () => rm(paths.toReversed()),
      // the first has done it all
      () => undefined,
    );
    await Promise.allSettled([forwards, backwards]);
    // Either may find that the other is still in a directory, or took it away.
    const left = paths.filter((path) => existsSync(path));
    if (left.length > 0) await rm(left);
  };

  const removeBatch = async (): Promise<void> => {
    await sleep(GATHER);
    const batch = waiting.splice(0, BATCH);
    try {
      await removeAll(batch.map(({ path }) => path));
      for (const { resolve } of batch) resolve();
    } catch (error) {
      for (const { path, resolve, reject } of batch) existsSync(path) ? reject(error) : resolve();
    }
  };

  const pump = (): void => {
    if (running || waiting.length === 0) return;
    running = true;
    void removeBatch().finally(() => {
      running = false;
      pump();
    });
  };

  /** Resolves when the tree is gone. @throws Rejection `internal` with rm's own words, `resource-exhausted` */
  return (path: string): Promise<void> =>
    new Promise<void>((resolve, reject) => {
      if (!existsSync(path)) {
        resolve();
        return;
      }
      if (waiting.length >= WAITING) {
        reject(
          new Rejection(
            'resource-exhausted',
            `${WAITING} directories already wait to be deleted; retry later`,
          ),
        );
        return;
      }
      const fail = (error: unknown) => {
        const words = error instanceof Error ? error.message : String(error);
        reject(new Rejection('internal', `delete '${path}': ${words}`, { cause: error }));
      };
      waiting.push({ path, resolve, reject: fail });
      pump();
    });
};
