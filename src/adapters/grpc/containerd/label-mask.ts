import type { Labels } from '../../../domain/identity.ts';
import { invalid } from '../parse.ts';

/** What an update's field mask says of labels. */
export interface LabelChange {
  readonly labels: Labels;
  /** They are all there are to be; else they are merged in. */
  readonly replace: boolean;
}

/**
 * Reads a field mask: `labels` (all of them), `labels.NAME`, or none at all, which means every field that may change.
 * @param other fields that the caller sees to itself
 * @throws Rejection `invalid-argument` for a field that can't be changed
 */
export const labelChange = (
  paths: readonly string[] | undefined,
  labels: Labels,
  other: readonly string[] = [],
): LabelChange | undefined => {
  if (paths === undefined || paths.length === 0 || paths.includes('labels')) return { labels, replace: true };
  const named = paths
    .filter((path) => path.startsWith('labels.'))
    .map((path) => path.slice('labels.'.length));
  const strange = paths.find((path) => !path.startsWith('labels.') && !other.includes(path));
  if (strange !== undefined) throw invalid('update_mask', `can't update field '${strange}'`);
  if (named.length === 0) return undefined;
  return { labels: Object.fromEntries(named.map((name) => [name, labels[name] ?? ''])), replace: false };
};
