import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createMounter } from '../../src/adapters/overlay/mounter.ts';
import { createOverlayStore } from '../../src/adapters/overlay/store.ts';
import { SnapshotId } from '../../src/domain/identity.ts';
import { ancestors } from '../../src/domain/snapshots.ts';
import { startContainerd } from '../support/containerd.ts';
import { daemonMissing, startHost } from '../support/daemon.ts';
import { debianTar } from '../support/debian.ts';
import { missingHere } from '../support/machine.ts';
import { writeLayout } from '../support/oci-layout.ts';
import { treeByContainerd } from '../support/parity.ts';
import { pushLayout, startRegistry } from '../support/registry-server.ts';
import { directory, file, tarOf } from '../support/tar.ts';
import { makeTempDir } from '../support/temp-dir.ts';
import { compareTrees, readTree, type Tree } from '../support/tree.ts';

const missing =
  missingHere({
    root: true,
    programs: ['containerd', 'ctr', 'docker-registry', 'skopeo', 'debootstrap'],
  }) ?? daemonMissing();

/** The tree of the one image that a daemon has unpacked, as its log names the layers. */
const treeOfImage = async (host: Awaited<ReturnType<typeof startHost>>): Promise<Tree> => {
  const { snapshot } = await host.world();
  const top = [...snapshot.values()].find(({ children }) => children === 0);
  if (top === undefined) throw new Error('nothing is unpacked');
  const store = createOverlayStore({ directory: join(host.root, 'overlayfs') });
  const mounter = createMounter();
  const target = join(host.directory, 'seen');
  mkdirSync(target);
  const chain = [top.id, ...ancestors(snapshot, top).map(({ id }) => id)];
  await mounter.mount(store.mounts(SnapshotId.parse('viewer'), chain, false), target);
  try {
    return readTree(target);
  } finally {
    await mounter.unmount(target);
  }
};

describe.skipIf(missing !== undefined)(
  `a debootstrapped Debian, pulled by the daemon${missing === undefined ? '' : ` (${missing})`}`,
  () => {
    it('has the tree that ctr unpacks from the same registry, and runs', async () => {
      const dir = makeTempDir('daemon-debian', '/var/tmp');
      const containerd = await startContainerd(join(dir.path, 'containerd'));
      const registry = await startRegistry(join(dir.path, 'registry'));
      const host = await startHost('daemon-debian');
      try {
        const changes = tarOf([
          directory('srv'),
          file('srv/made', 'later'),
          directory('etc'),
          file('etc/.wh.motd', ''),
        ]);
        const layout = await writeLayout(join(dir.path, 'layout'), [
          { tar: readFileSync(await debianTar()) },
          { tar: changes },
        ]);
        const image = `${registry.host}/debian:latest`;
        await pushLayout(layout, image);
        await host.ok('pull', image);
        const ours = await treeOfImage(host);
        const theirs = await treeByContainerd(containerd, image, dir.path);
        expect(ours.size).toBeGreaterThan(5000);
        expect(compareTrees(ours, theirs, (path, field) => field === 'mtime' && path === '.')).toEqual([]);
        const said = await host.ok(
          'run',
          '--rm',
          image,
          'sh',
          '-c',
          '. /etc/os-release; echo $ID; cat /srv/made',
        );
        expect(said).toBe('debian\nlater');
        expect(await host.ok('verify')).toContain('the views equal a replay');
      } finally {
        await host.close();
        await containerd.stop();
        await registry.stop();
        dir.remove();
      }
    }, 600_000);
  },
);
