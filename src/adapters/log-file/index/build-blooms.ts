import { join } from 'node:path';
import type { Disk } from '../disk.ts';
import { withFile } from '../durable-file.ts';
import {
  addKey,
  bloomedFields,
  bloomKey,
  COLUMNS,
  type Column,
  decodeColumns,
  emptyCells,
  encodeBlooms,
} from './bloom-format.ts';
import { readBloomFiles } from './blooms.ts';
import { readSidecarHeader, Sidecar, SidecarDamage } from './sidecar.ts';
import { bloomsName, isMissing, removeIfThere, sidecarPath } from './sidecar-file.ts';
import type { Binding } from './sidecar-format.ts';

/** The sealed segments of a log that are to have filters. */
export interface BloomJob {
  readonly directory: string;
  readonly logId: string;
  readonly segments: readonly (Binding & { readonly segmentPath: string })[];
}

/**
 * Makes the filters that are missing, out of the sidecars; segments without one are left for later. Each file appears whole
 * or not at all. Files none of whose segments is there any more are removed.
 * @throws errors of the disk
 */
export const buildBlooms = async (disk: Disk, { directory, logId, segments }: BloomJob): Promise<void> => {
  const present = (column: Pick<Binding, 'base' | 'segmentBytes'>): boolean =>
    segments.some(({ base, segmentBytes }) => base === column.base && segmentBytes === column.segmentBytes);
  const known = new Set<number>();
  let open: string | undefined;
  for (const { path, header } of await readBloomFiles(disk, directory, logId)) {
    const kept = header.columns.filter(present);
    if (kept.length === 0) await removeIfThere(disk, path);
    for (const { base } of kept) known.add(base);
    if (kept.length > 0 && kept.length < COLUMNS) open = path;
  }
  const missing = segments.filter(({ base }) => !known.has(base));
  const begun = open === undefined || missing.length === 0 ? [] : await columnsOf(disk, open);
  let columns: Column[] = begun.filter(present);
  let path = open;
  for (const [number, segment] of missing.entries()) {
    const column = await columnOf(disk, segment);
    if (column !== undefined) columns.push(column);
    const [first] = columns;
    if (first === undefined || (columns.length < COLUMNS && number < missing.length - 1)) continue;
    await write(disk, path ?? join(directory, bloomsName(first.base)), encodeBlooms(logId, columns));
    columns = [];
    path = undefined;
  }
};

const write = async (disk: Disk, path: string, bytes: Buffer): Promise<void> => {
  await withFile(disk, `${path}.tmp`, 'replace', (file) => file.write(bytes, 0));
  await disk.rename(`${path}.tmp`, path);
};

/** The columns of a file; none where it is damaged: then they are all made again. */
const columnsOf = async (disk: Disk, path: string): Promise<readonly Column[]> => {
  const bytes = Buffer.allocUnsafe(await disk.size(path));
  const length = await withFile(disk, path, 'read', (file) => file.read(bytes, 0));
  return decodeColumns(bytes.subarray(0, length)) ?? [];
};

/** @returns undefined where the segment has no sidecar to be used: whoever asks it next has that made again */
const columnOf = async (
  disk: Disk,
  { segmentPath, ...binding }: BloomJob['segments'][number],
): Promise<Column | undefined> => {
  try {
    return await withFile(disk, sidecarPath(segmentPath), 'read', async (file) => {
      const sidecar = new Sidecar(await readSidecarHeader(file, binding), file);
      const cells = emptyCells();
      for (const field of bloomedFields) {
        for (const term of await sidecar.terms(field)) addKey(cells, bloomKey(field, term));
      }
      return { base: binding.base, segmentBytes: binding.segmentBytes, cells };
    });
  } catch (error) {
    if (error instanceof SidecarDamage || isMissing(error)) return undefined;
    throw error;
  }
};
