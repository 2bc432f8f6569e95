import type { Ports } from '../ports/ports.ts';
import type { Performers } from '../workflow-runner.ts';

type Part = Pick<Performers, 'make-snapshot' | 'apply-layer' | 'remove-snapshot-bytes'>;

/** Directories of snapshots, and layers into them. */
export const snapshotPerformers = ({ blobs, snapshots, layers }: Ports): Part => ({
  'make-snapshot': ({ id, kind }) => snapshots.create(id, kind),
  'apply-layer': async ({ layer, into, parents }, { signal, report }) => {
    const { digest, mediaType, size } = layer;
    const tell = (status: 'extracting' | 'extracted', offset: number) =>
      report({ kind: 'item', digest, as: 'layer', status, offset, total: size });
    const applied = await layers.apply({ path: blobs.path(digest), mediaType }, into, {
      progress: (offset) => tell('extracting', offset),
      ...(signal === undefined ? {} : { signal }),
      ...(parents === undefined ? {} : { parents }),
    });
    if (applied.needsParents) return 'needs-parents';
    tell('extracted', size);
    return { diffId: applied.diffId, usage: applied.usage };
  },
  'remove-snapshot-bytes': ({ id }) => snapshots.remove(id),
});
