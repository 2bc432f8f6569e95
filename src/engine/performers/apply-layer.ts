import type { Applied, EffectInput } from '../../workflows/effects.ts';
import type { Ports } from '../ports/ports.ts';
import type { LayerGrowth } from '../ports/snapshots.ts';
import type { EffectContext } from '../workflow-runner.ts';

/** Unpacks a layer that is in the store, or on its way there. */
export const applyLayer = async (
  { blobs, layers }: Pick<Ports, 'blobs' | 'layers'>,
  {
    layer,
    into,
    parents,
    growth,
  }: EffectInput<'apply-layer'> & { readonly growth?: LayerGrowth | undefined },
  { signal, report }: EffectContext,
): Promise<Applied | 'needs-parents'> => {
  const { digest, mediaType, size } = layer;
  const tell = (status: 'extracting' | 'extracted', offset: number) =>
    report({ kind: 'item', digest, mediaType, as: 'layer', status, offset, total: size });
  const file = { path: blobs.path(digest), mediaType, ...(growth === undefined ? {} : { growth }) };
  const applied = await layers.apply(file, into, {
    progress: (offset) => tell('extracting', offset),
    ...(signal === undefined ? {} : { signal }),
    ...(parents === undefined ? {} : { parents }),
  });
  if (applied.needsParents) return 'needs-parents';
  tell('extracted', size);
  return { diffId: applied.diffId, usage: applied.usage };
};
