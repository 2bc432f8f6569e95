import { basename, dirname, join } from 'node:path';
import type { Disk } from '../disk.ts';

/**
 * Where sidecars are. They are caches: nothing waits for them to be durable, and one that a power cut left in pieces
 * fails its checksums and is made again.
 */

/** Path of the sidecar of a segment. */
export const sidecarPath = (segmentPath: string): string => segmentPath.replace(/\.segment$/, '.index');

const NAME = /^(\d{20})\.(index|stretch|blooms)(\.tmp)?$/;

/** Path of the index of a stretch of the segment that is being written. @param first position */
export const stretchPath = (directory: string, first: number): string =>
  join(directory, `${String(first).padStart(20, '0')}.stretch`);

/** Name of a file of filters. @param base of the first segment in it */
export const bloomsName = (base: number): string => `${String(base).padStart(20, '0')}.blooms`;

/** @param ending `.blooms`, or `.blooms.tmp` of one that is being made @returns paths, by position */
export const bloomFilesIn = async (disk: Disk, directory: string, ending: string): Promise<string[]> =>
  (await disk.list(directory))
    .filter((name) => NAME.test(name) && name.endsWith(ending))
    .sort()
    .map((name) => join(directory, name));

/** A file of a stretch, and the position that it begins at. */
export interface StretchFile {
  readonly path: string;
  readonly first: number;
}

/** Those of finished stretches, by position. */
export const stretchFilesIn = async (disk: Disk, directory: string): Promise<StretchFile[]> =>
  [...(await disk.list(directory))].sort().flatMap((name) => {
    const [, first, kind, unfinished] = NAME.exec(name) ?? [];
    if (kind !== 'stretch' || unfinished !== undefined) return [];
    return [{ path: join(directory, name), first: Number(first) }];
  });

export const removeIfThere = async (disk: Disk, path: string): Promise<void> => {
  try {
    await disk.remove(path);
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
};

/**
 * Removes the sidecar of a segment, where there is one, also one that is being made: to be called before a sealed segment
 * is rewritten or removed, since it may hold names that are being blanked, and again when that is done. With it go the
 * indexes of stretches that were made while it, or one after it, was written.
 */
export const discardSidecar = async (disk: Disk, segmentPath: string): Promise<void> => {
  const path = sidecarPath(segmentPath);
  for (const one of [path, `${path}.tmp`]) await removeIfThere(disk, one);
  const base = Number(basename(segmentPath, '.segment'));
  for (const name of await disk.list(dirname(segmentPath))) {
    const [, first, kind] = NAME.exec(name) ?? [];
    if (kind !== 'stretch' || Number(first) < base) continue;
    await removeIfThere(disk, join(dirname(segmentPath), name));
  }
};

/** Removes sidecars whose segments are gone, and whatever is unfinished. */
export const removeStraySidecars = async (disk: Disk, directory: string): Promise<void> => {
  const names = await disk.list(directory);
  for (const name of names) {
    const [, base, kind, unfinished] = NAME.exec(name) ?? [];
    if (base === undefined) continue;
    const stray = kind === 'index' && !names.includes(`${base}.segment`);
    if (unfinished !== undefined || stray) await disk.remove(`${directory}/${name}`);
  }
};

export const isMissing = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === 'ENOENT';
