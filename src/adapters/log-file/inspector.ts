import type { LogInspector } from '../../engine/ports/inspection.ts';
import { realDisk } from './real-disk.ts';
import { segmentPaths } from './recover.ts';
import { verifyLog } from './verify.ts';

/** Checks the files of a log beside its writer. */
export const createLogInspector = (directory: string): LogInspector => ({
  verify: async (progress, onLeaves) => {
    const found = await verifyLog(directory, {
      ...(onLeaves === undefined ? {} : { onLeaves }),
      onProgress: ({ events, bytes, totalBytes }) =>
        progress(events, totalBytes === 0 ? 1 : bytes / totalBytes),
    });
    if (found.intact) return { intact: true, events: found.events, head: found.chain };
    const { file, offset, what } = found.damage;
    return { intact: false, damage: `${file}, byte ${offset}: ${what}` };
  },
  bytes: async () => {
    const sizes = await Promise.all(
      (await segmentPaths(realDisk, directory)).map((path) => realDisk.size(path)),
    );
    return sizes.reduce((sum, size) => sum + size, 0);
  },
});
