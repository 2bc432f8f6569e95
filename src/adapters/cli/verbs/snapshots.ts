import { snapshotRow } from '../output/resource-rows.ts';
import { resourceVerb } from '../resource-verb.ts';

export const verb = resourceVerb({
  examples: [
    ['shiplog snapshots', 'all of the namespace'],
    ['shiplog snapshots --filter kind=active', 'those that something writes to'],
    ["shiplog snapshots --at '10 minutes ago'", 'as it was then'],
  ],
  id: (row) => row.Key,
  ids: 'keys',
  filters: 'kind=, key=, parent=, snapshotter=, label=',
  style: {
    headings: ['KEY', 'KIND', 'PARENT', 'SNAPSHOTTER', 'SIZE', 'CREATED'],
    cells: (row) => [row.Key, row.Kind, row.Parent, row.Snapshotter, row.Size, row.CreatedSince],
  },
  list: (resources, request, options) => resources.snapshots(request, options),
  row: snapshotRow,
});
