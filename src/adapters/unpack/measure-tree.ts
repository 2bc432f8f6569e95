import { lstatSync, readdirSync } from 'node:fs';
import type { SnapshotUsage } from '../../engine/ports/snapshots.ts';

/** What the tree below the working directory of the thread takes, its root included, as du(1) counts. */
export const measureTree = (): SnapshotUsage => {
  const seen = new Set<number>();
  let bytes = 0;
  let inodes = 0;
  const visit = (name: string): void => {
    const stat = lstatSync(Buffer.from(name, 'latin1'));
    if (!stat.isDirectory() && stat.nlink > 1) {
      if (seen.has(stat.ino)) return;
      seen.add(stat.ino);
    }
    bytes += stat.blocks * 512; // st_blocks counts 512-byte units
    inodes += 1;
    if (!stat.isDirectory()) return;
    for (const child of readdirSync(Buffer.from(name, 'latin1'), { encoding: 'latin1' }))
      visit(`${name}/${child}`);
  };
  visit('.');
  return { bytes, inodes };
};
