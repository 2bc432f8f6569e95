import { access } from 'node:fs/promises';

/** A pull has four layers on their way at a time, each with a write or a sync, and syncs beside them. */
const THREADS = '12';

/**
 * Gives libuv more threads than its four for calls to the disk: syncs of a pull, which take up to a second each, held all four
 * of them, and the log waited for one. To be called before the first such call. A number of somebody's choice stays, and what
 * the daemon starts does not inherit ours.
 * @param env of this process: setting a variable there sets it for libuv
 */
export const widenPool = async (env: NodeJS.ProcessEnv): Promise<void> => {
  if (env.UV_THREADPOOL_SIZE !== undefined) return;
  env.UV_THREADPOOL_SIZE = THREADS;
  try {
    // libuv reads it, and starts them, with the first call.
    await access('/');
  } finally {
    delete env.UV_THREADPOOL_SIZE;
  }
};
