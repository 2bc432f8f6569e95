import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { btrfsMissing, createBtrfsStore } from '../../src/adapters/btrfs-snapshots/store.ts';
import { createMounter } from '../../src/adapters/overlay/mounter.ts';
import { missingHere } from '../support/machine.ts';
import { makeTempDir } from '../support/temp-dir.ts';
import { snapshotContract } from './snapshots.ts';

const missing = missingHere({ root: true, programs: ['btrfs', 'mkfs.btrfs', 'mount', 'umount', 'truncate'] });
if (missing === undefined) {
  snapshotContract('btrfs', (directory) => {
    const image = `${directory}.img`;
    execFileSync('truncate', ['-s', '400M', image]);
    execFileSync('mkfs.btrfs', ['-q', image]);
    execFileSync('mount', ['-o', 'loop', image, directory]);
    const store = join(directory, 'btrfs');
    mkdirSync(store);
    return {
      store: createBtrfsStore({ directory: store }),
      mounter: createMounter(),
      close: () => execFileSync('umount', [directory]),
    };
  });
} else {
  describe.skip(`btrfs: snapshots (${missing})`, () => it('snapshots', () => undefined));
}

describe('a btrfs store', () => {
  it('can not be on another file system, and says so', async () => {
    const dir = makeTempDir('btrfs', '/dev/shm');
    expect(await btrfsMissing(dir.path)).toBe(`path ${dir.path} is on tmpfs, not on btrfs`);
    dir.remove();
  });
});
