import { unlinkSync } from 'node:fs';
import { parentPort } from 'node:worker_threads';
import { errnoOf } from './disk-error.ts';
import type { Unremoved } from './removal-thread.ts';

// A thread that removes files: paths come in, what could not be removed goes out.
parentPort?.on('message', (paths: readonly string[]) => {
  const unremoved: Unremoved[] = [];
  for (const path of paths) {
    try {
      unlinkSync(path);
    } catch (error) {
      const code = errnoOf(error);
      if (code === 'ENOENT') continue;
      unremoved.push({ path, code, message: error instanceof Error ? error.message : String(error) });
    }
  }
  parentPort?.postMessage(unremoved);
});
