import { statfsSync } from 'node:fs';

/** Magic numbers of statfs(2) that matter to us. */
const names: ReadonlyMap<number, string> = new Map([
  [0xef53, 'ext4'],
  [0x58465342, 'xfs'],
  [0x9123683e, 'btrfs'],
  [0x01021994, 'tmpfs'],
  [0x794c7630, 'overlayfs'],
  [0x2fc12fc1, 'zfs'],
]);

export interface FileSystemFacts {
  /** `unknown` where it is none we know by name. */
  readonly type: string;
  /** Bytes of a block: files take whole ones. */
  readonly blockSize: number;
  /** Bytes that an unprivileged writer could still take. */
  readonly available: number;
}

/** Facts about the file system that holds `path`. @throws Node's error */
export const statFileSystem = (path: string): FileSystemFacts => {
  const facts = statfsSync(path);
  return {
    type: names.get(facts.type >>> 0) ?? 'unknown',
    blockSize: facts.bsize,
    available: facts.bavail * facts.bsize,
  };
};
