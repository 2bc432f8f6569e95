import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { Rejection } from '../../domain/rejection.ts';

const run = promisify(execFile);

/** Directories that one rm(1) takes. */
const BATCH = 64;
/** rm processes at a time; deleting is bound by the disk's journal. */
const PROCESSES = 2;
/** Directories waiting; a caller over it is told to come back. */
const WAITING = 100_000;

/**
 * Deletes trees in the background, by rm(1): in its own process it holds up neither the event loop nor libuv's pool, and
 * it walks by descriptors, so that deep and byte-named trees are nothing special. Many removals share a process.
 */
export const createTreeRemoval = () => {
  const waiting: { path: string; resolve: () => void; reject: (error: unknown) => void }[] = [];
  let running = 0;

  const pump = (): void => {
    while (running < PROCESSES && waiting.length > 0) {
      const batch = waiting.splice(0, BATCH);
      running += 1;
      run('rm', ['-rf', '--', ...batch.map((each) => each.path)])
        .then(
          () => {
            for (const each of batch) each.resolve();
          },
          (error: unknown) => {
            for (const each of batch) each.reject(error);
          },
        )
        .finally(() => {
          running -= 1;
          pump();
        });
    }
  };

  /** Resolves when the tree is gone. @throws Rejection `internal` with rm's own words, `resource-exhausted` */
  return (path: string): Promise<void> =>
    new Promise<void>((resolve, reject) => {
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
        const words =
          error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : String(error);
        reject(new Rejection('internal', `delete '${path}': ${words}`, { cause: error }));
      };
      waiting.push({ path, resolve, reject: fail });
      pump();
    });
};
