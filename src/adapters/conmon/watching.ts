import { type FSWatcher, watch } from 'node:fs';
import type { Logger } from '../../engine/ports/logger.ts';
import { hasCode } from '../syscalls/error.ts';

/**
 * Tells of changes in a folder until it is closed, or the folder is gone.
 * @returns undefined where there is no such folder, and where the kernel has no watches left (fs.inotify.max_user_watches),
 * which is told: whoever asks must do without
 */
export const watchFolder = (
  path: string,
  logger: Logger,
  told: (event: 'rename' | 'change', name: string | null) => void,
): FSWatcher | undefined => {
  try {
    const watcher = watch(path, { persistent: false }, told);
    watcher.on('error', () => watcher.close()); // the folder is gone
    return watcher;
  } catch (error) {
    if (hasCode(error, 'ENOSPC', 'EMFILE')) {
      logger.warn('no watch left for a folder; raise fs.inotify.max_user_watches', { path, error });
      return undefined;
    }
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
};
