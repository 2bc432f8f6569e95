import { blobRow } from '../output/resource-rows.ts';
import { resourceVerb } from '../resource-verb.ts';

export const verb = resourceVerb({
  examples: [
    ['shiplog content', 'every blob of the namespace'],
    ['shiplog content --filter digest=4bcff63911fc --no-trunc', 'one, whole'],
    ["shiplog content --at '10 minutes ago'", 'as it was then'],
  ],
  id: (row) => row.Digest,
  ids: 'digests',
  filters: 'digest=, label=',
  style: {
    headings: ['DIGEST', 'SIZE', 'CREATED', 'LABELS'],
    cells: (row) => [row.Digest, row.Size, row.CreatedSince, row.LabelsText],
  },
  list: (resources, request, options) => resources.content(request, options),
  row: blobRow,
});
