import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type PrivateContainerd, startContainerd } from '../support/containerd.ts';
import { openUnpacking } from '../support/layers.ts';
import { findProgram, missingHere } from '../support/machine.ts';
import { writeLayout } from '../support/oci-layout.ts';
import { treeByContainerd, treeByUs } from '../support/parity.ts';
import { pushLayout, type RegistryServer, startRegistry } from '../support/registry-server.ts';
import { directory, file, hardlink, symlink, type TarMember, tarOf } from '../support/tar.ts';
import { makeTempDir } from '../support/temp-dir.ts';
import { compareTrees } from '../support/tree.ts';

const missing = missingHere({
  root: true,
  programs: ['containerd', 'ctr', 'docker-registry', 'skopeo', 'busybox', 'zstd'],
});

const capability = Buffer.from([1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);

const base = (): TarMember[] => [
  directory('./'),
  directory('bin', { pax: { mtime: '1600000000.111111111' } }),
  file('bin/busybox', readFileSync(findProgram('busybox') ?? ''), { mode: 0o755 }),
  hardlink('bin/sh', 'bin/busybox', { mode: 0o755 }),
  symlink('bin/ls', '/bin/busybox', { pax: { mtime: '1500000000.987654321' } }),
  directory('usr'),
  directory('usr/lib', { mode: 0o711, uid: 11, gid: 12 }),
  symlink('lib', 'usr/lib'),
  file('usr/lib/one', 'one'),
  directory('etc'),
  file('etc/suid', 'x', { mode: 0o4755, uid: 33 }),
  file('etc/capable', 'x', { mode: 0o755, uid: 1, pax: { 'SCHILY.xattr.security.capability': capability } }),
  file('etc/attributed', 'x', { pax: { 'SCHILY.xattr.user.binary': Buffer.from([0, 200, 10, 255]) } }),
  file('etc/name-\xe9\xff', 'latin1 name'),
  file('etc/old', '', { pax: { mtime: '-86400.5' } }),
  file('etc/big-owner', '', { uid: 3_000_000_000, gid: 2_500_000 }),
  directory('dev'),
  { name: 'dev/null', flag: '3', mode: 0o666, device: [1, 3] },
  { name: 'dev/loop', flag: '4', mode: 0o660, gid: 6, device: [7, 300] },
  { name: 'dev/fifo', flag: '6', mode: 0o600 },
  directory('gone'),
  file('gone/a', ''),
  directory('opaque', { mode: 0o1777 }),
  file('opaque/hidden', ''),
  directory('gap', { mode: 0o2750, uid: 21, gid: 22, pax: { 'SCHILY.xattr.user.gap': 'kept' } }),
  directory('gap/deep', { mode: 0o700 }),
  file('gap/deep/one', ''),
  file('retyped', 'a file'),
  directory('retyped-too'),
  file('retyped-too/inside', ''),
];

const middle = (): TarMember[] => [
  directory('etc', { mode: 0o751, pax: { mtime: '1700000001.000000002' } }),
  file('etc/.wh.suid', ''),
  file('etc/added', 'added', { mode: 0o600 }),
  hardlink('etc/added-too', 'etc/added', { mode: 0o600 }),
  file('.wh.gone', ''),
  directory('opaque', { mode: 0o755 }),
  file('opaque/.wh..wh..opq', ''),
  file('opaque/new', ''),
  directory('retyped'),
  file('retyped/inside', 'now a directory'),
  file('retyped-too', 'now a file'),
  directory('links'),
  symlink('links/here', '../etc'),
  file('links/here/through', 'written through a link of the same layer'),
  file('/absolute', 'absolute'),
  file('odd/./name/../place', 'odd'),
  file('twice', 'first', { mode: 0o600 }),
  file('twice', 'second', { mode: 0o640 }),
];

const top = (): TarMember[] => [
  file('gap/deep/two', 'its folders are described by the base only'),
  file('gap/deep/.wh.one', ''),
  file('nowhere/at/all', 'described by no layer'),
  file('usr/lib/two', 'two'),
  file('lib/three', 'its folder is a symlink in the base, which containerd replaces by a directory'),
];

/** Directories that no entry of the last layer names have the time they were made at. */
const undescribed = new Set([
  '.',
  'odd',
  'gap',
  'gap/deep',
  'nowhere',
  'nowhere/at',
  'usr',
  'usr/lib',
  'lib',
]);

describe.skipIf(missing !== undefined)(
  `the tree of a tricky image${missing === undefined ? '' : ` (${missing})`}`,
  () => {
    const dir = makeTempDir('parity', '/var/tmp');
    let containerd: PrivateContainerd;
    let registry: RegistryServer;
    beforeAll(async () => {
      containerd = await startContainerd(join(dir.path, 'containerd'));
      registry = await startRegistry(join(dir.path, 'registry'));
    });
    afterAll(async () => {
      await containerd?.stop();
      await registry?.stop();
      dir.remove();
    });

    it('equals what containerd unpacks, file by file', async () => {
      const layout = await writeLayout(join(dir.path, 'layout'), [
        { tar: tarOf(base()) },
        { tar: tarOf(middle()), compression: 'none' },
        { tar: tarOf(top()) },
      ]);
      const image = `${registry.host}/tricky:latest`;
      await pushLayout(layout, image);
      const theirs = await treeByContainerd(containerd, image, dir.path);
      const unpacking = openUnpacking();
      try {
        const { tree: ours, needed } = await treeByUs(unpacking, layout);
        expect(needed).toBe(2);
        expect(ours.size).toBeGreaterThan(30);
        const differences = compareTrees(
          ours,
          theirs,
          (path, field) => field === 'mtime' && undescribed.has(path),
        );
        // containerd 1.6 turns times before 1970 into 1970; we keep what the layer says
        expect(differences).toEqual(['etc/old: mtime is "-86400500000000" on the left, "0" on the right']);
        expect(ours.get('gap')).toMatchObject({ mode: '2750', owner: '21:22' });
      } finally {
        await unpacking.close();
      }
    }, 120_000);
  },
);
