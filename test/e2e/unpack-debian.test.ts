import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { startContainerd } from '../support/containerd.ts';
import { debianTar } from '../support/debian.ts';
import { openUnpacking, ZSTD_LAYER } from '../support/layers.ts';
import { missingHere } from '../support/machine.ts';
import { writeLayout } from '../support/oci-layout.ts';
import { treeByContainerd, treeByUs } from '../support/parity.ts';
import { pushLayout, startRegistry } from '../support/registry-server.ts';
import { directory, file, symlink, tarOf } from '../support/tar.ts';
import { makeTempDir } from '../support/temp-dir.ts';
import { compareTrees } from '../support/tree.ts';

const missing = missingHere({
  root: true,
  programs: ['containerd', 'ctr', 'docker-registry', 'skopeo', 'debootstrap', 'zstd'],
});

describe.skipIf(missing !== undefined)(
  `a debootstrapped Debian${missing === undefined ? '' : ` (${missing})`}`,
  () => {
    it('is unpacked as containerd unpacks it, file by file', async () => {
      const archive = readFileSync(await debianTar());
      const dir = makeTempDir('debian', '/var/tmp');
      const containerd = await startContainerd(join(dir.path, 'containerd'));
      const registry = await startRegistry(join(dir.path, 'registry'));
      const unpacking = openUnpacking();
      try {
        const zstd = spawnSync('zstd', ['-1', '-c'], { input: archive, maxBuffer: 2 ** 31 }).stdout;
        const changes = tarOf([
          directory('etc'),
          file('etc/.wh.passwd', ''),
          directory('usr'),
          directory('usr/share'),
          file('usr/share/.wh.doc', ''),
          directory('var'),
          file('var/.wh..wh..opq', ''),
          symlink('var/run', '/run'),
        ]);
        const layout = await writeLayout(join(dir.path, 'layout'), [
          { tar: archive, compression: { bytes: zstd, mediaType: ZSTD_LAYER } },
          { tar: changes },
        ]);
        const image = `${registry.host}/debian:latest`;
        await pushLayout(layout, image);
        const theirs = await treeByContainerd(containerd, image, dir.path);
        const { tree: ours, needed } = await treeByUs(unpacking, layout);
        expect(needed).toBe(0);
        expect(ours.size).toBeGreaterThan(5000);
        expect(compareTrees(ours, theirs, (path, field) => field === 'mtime' && path === '.')).toEqual([]);
      } finally {
        await unpacking.close();
        await containerd.stop();
        await registry.stop();
        dir.remove();
      }
    }, 1_200_000);
  },
);
