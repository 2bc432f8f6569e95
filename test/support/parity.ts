import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { SnapshotId } from '../../src/domain/identity.ts';
import type { PrivateContainerd } from './containerd.ts';
import type { openUnpacking } from './layers.ts';
import type { Layout } from './oci-layout.ts';
import { readTree, type Tree } from './tree.ts';

/** What containerd makes of the image `host/repository:tag` in a registry on loopback: its tree as a container would see it. */
export const treeByContainerd = async (
  containerd: PrivateContainerd,
  image: string,
  scratch: string,
): Promise<Tree> => {
  await containerd.ctr('images', 'pull', '--plain-http', '--snapshotter', 'overlayfs', image);
  const target = join(scratch, 'by-containerd');
  mkdirSync(target, { recursive: true });
  // under a lease of ctr's own: a snapshot that nothing holds may be collected before it is looked at
  await containerd.ctr('images', 'mount', '--snapshotter', 'overlayfs', image, target);
  try {
    return readTree(target);
  } finally {
    await containerd.ctr('images', 'unmount', '--snapshotter', 'overlayfs', target);
  }
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
