import type { NamespaceEntry } from '../../../gen/shiplog/v1/resources_pb.ts';
import { type NamespaceRow, namespaceRow } from '../output/resource-rows.ts';
import { resourceVerb } from '../resource-verb.ts';

export const verb = resourceVerb<NamespaceEntry, NamespaceRow>({
  examples: [
    ['shiplog namespaces', 'all there are, and how much is in each'],
    ['shiplog namespaces -q', 'their names'],
    ['shiplog namespaces --at 2026-11-21', 'as it was then'],
  ],
  id: (row) => row.Name,
  ids: 'names',
  filters: 'name=, label=',
  style: {
    headings: ['NAME', 'CONTAINERS', 'IMAGES', 'SNAPSHOTS', 'BLOBS', 'LEASES', 'LABELS'],
    cells: (row) => [
      row.Name,
      String(row.Containers),
      String(row.Images),
      String(row.Snapshots),
      String(row.Blobs),
      String(row.Leases),
      row.LabelsText,
    ],
  },
  list: (resources, { filters, at }, options) =>
    resources.namespaces({ filters, ...(at === undefined ? {} : { at }) }, options),
  row: (one, _nowMs, whole) => namespaceRow(one, whole),
});
