import type { Disk } from '../disk.ts';

/**
 * Where sidecars are. They are caches: nothing waits for them to be durable, and one that a power cut left in pieces
 * fails its checksums and is made again.
 */

/** Path of the sidecar of a segment. */
export const sidecarPath = (segmentPath: string): string => segmentPath.replace(/\.segment$/, '.index');

const SIDECAR_NAME = /^(\d{20})\.index(\.tmp)?$/;

/**
 * Removes the sidecar of a segment, where there is one, also one that is being made: to be called before a sealed segment
 * is rewritten or removed, since it may hold names that are being blanked, and again when that is done.
 */
export const discardSidecar = async (disk: Disk, segmentPath: string): Promise<void> => {
  const path = sidecarPath(segmentPath);
  for (const one of [path, `${path}.tmp`]) {
    try {
      await disk.remove(one);
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
  }
};

/** Removes sidecars whose segments are gone, and unfinished ones. */
export const removeStraySidecars = async (disk: Disk, directory: string): Promise<void> => {
  const names = await disk.list(directory);
  for (const name of names) {
    const [, base, unfinished] = SIDECAR_NAME.exec(name) ?? [];
    if (base === undefined) continue;
    if (unfinished !== undefined || !names.includes(`${base}.segment`)) {
      await disk.remove(`${directory}/${name}`);
    }
  }
};

export const isMissing = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === 'ENOENT';
