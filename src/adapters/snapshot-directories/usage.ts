import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { SnapshotUsage } from '../../engine/ports/snapshots.ts';
import { hasCode } from '../syscalls/error.ts';

/** stat calls under way at a time: enough to keep libuv's pool busy, few enough to leave room for others. */
const AT_ONCE = 16;

/** The bytes of a name: latin1 keeps them one a character, so that names that are not UTF-8 are found again. */
const bytesOf = (path: string) => Buffer.from(path, 'latin1');

/**
 * What a tree takes on disk, its root included, as du(1) counts: allocated blocks, inodes once. A name that goes away
 * meanwhile is not counted.
 * @throws Node's error where the root can't be read
 */
export const treeUsage = async (root: string): Promise<SnapshotUsage> => {
  const seen = new Set<string>();
  let bytes = 0;
  let inodes = 0;
  const waiting: string[] = [];

  const visit = async (path: string): Promise<void> => {
    const stat = await lstat(bytesOf(path));
    const shared = stat.nlink > 1 && !stat.isDirectory();
    const key = `${stat.dev}:${stat.ino}`;
    if (shared && seen.has(key)) return;
    if (shared) seen.add(key);
    bytes += stat.blocks * 512; // st_blocks counts 512-byte units whatever the file system's block
    inodes += 1;
    if (!stat.isDirectory()) return;
    for (const name of await readdir(bytesOf(path), { encoding: 'latin1' })) waiting.push(join(path, name));
  };
  const visitIfThere = async (path: string): Promise<void> => {
    try {
      await visit(path);
    } catch (error) {
      if (!hasCode(error, 'ENOENT')) throw error;
    }
  };

  await visit(bytesToName(root));
  while (waiting.length > 0) await Promise.all(waiting.splice(-AT_ONCE).map(visitIfThere));
  return { bytes, inodes };
};

const bytesToName = (path: string) => Buffer.from(path, 'utf8').toString('latin1');
