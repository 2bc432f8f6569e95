import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createMounter } from '../../src/adapters/overlay/mounter.ts';
import { SnapshotId } from '../../src/domain/identity.ts';
import type { Mount } from '../../src/domain/mount.ts';
import type { PrivateContainerd } from './containerd.ts';
import type { openUnpacking } from './layers.ts';
import type { Layout } from './oci-layout.ts';
import { readTree, type Tree } from './tree.ts';

/** Mounts, reads the tree, unmounts. */
const readMounted = async (mounts: readonly Mount[], target: string): Promise<Tree> => {
  const mounter = createMounter();
  mkdirSync(target, { recursive: true });
  await mounter.mount(mounts, target);
  try {
    return readTree(target);
  } finally {
    await mounter.unmount(target);
  }
};

/** The mounts that `ctr snapshots mounts` prints as a mount(8) command: `mount -t TYPE SOURCE TARGET -o OPTIONS`. */
const parseMountCommand = (line: string): Mount => {
  const match = /^mount -t (\S+) (\S+) \S+ -o (\S+)\s*$/m.exec(line);
  if (match === null) throw new Error(`ctr printed no mount command: ${line}`);
  const [, type = '', source = '', options = ''] = match;
  return { type, source, options: options.split(',') };
};

/** What containerd makes of the image `host/repository:tag` in a registry on loopback: its tree as a container would see it. */
export const treeByContainerd = async (
  containerd: PrivateContainerd,
  image: string,
  scratch: string,
): Promise<Tree> => {
  await containerd.ctr('images', 'pull', '--plain-http', '--snapshotter', 'overlayfs', image);
  const listed = await containerd.ctr('snapshots', '--snapshotter', 'overlayfs', 'ls');
  const rows = listed
    .trim()
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/\s+/));
  const parents = new Set(rows.map((row) => (row.length === 3 ? row[1] : undefined)));
  const top = rows.map((row) => row[0]).find((name) => name !== undefined && !parents.has(name));
  if (top === undefined) throw new Error(`containerd has no snapshot of ${image}`);
  const target = join(scratch, 'by-containerd');
  await containerd.ctr('snapshots', '--snapshotter', 'overlayfs', 'view', 'parity', top);
  const command = await containerd.ctr('snapshots', '--snapshotter', 'overlayfs', 'mounts', target, 'parity');
  return readMounted([parseMountCommand(command)], target);
};

/**
 * What we make of the same layers: all at once, then those again that need their parents.
 * @returns the tree, and how many needed them
 */
export const treeByUs = async (
  unpacking: ReturnType<typeof openUnpacking>,
  layout: Layout,
): Promise<{ tree: Tree; needed: number }> => {
  const ids = layout.layers.map((_, index) => `layer${index}`);
  const first = await Promise.all(
    layout.layers.map((layer, index) =>
      unpacking.apply(`layer${index}`, readFileSync(layer.path), {
        mediaType: layer.mediaType,
        ...(index === 0 ? { parents: [] } : {}),
      }),
    ),
  );
  let needed = 0;
  for (const [index, layer] of layout.layers.entries()) {
    let applied = first[index];
    if (applied?.needsParents) {
      needed += 1;
      const parents = ids.slice(0, index).reverse();
      applied = await unpacking.apply(`layer${index}`, readFileSync(layer.path), {
        mediaType: layer.mediaType,
        parents: parents.map((id) => SnapshotId.parse(id)),
      });
    }
    if (applied === undefined || applied.needsParents || applied.diffId !== layer.diffId) {
      throw new Error(`layer ${index} came out wrong: ${JSON.stringify(applied)}`);
    }
  }
  return { tree: await unpacking.seen(ids, readTree), needed };
};
