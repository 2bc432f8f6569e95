import { leaseRow } from '../output/resource-rows.ts';
import { resourceVerb } from '../resource-verb.ts';

export const verb = resourceVerb({
  examples: [
    ['shiplog leases', 'what is kept for work under way'],
    ["shiplog leases --format '{{.ID}}: {{json .Resources}}'", 'and what each holds'],
    ["shiplog leases --at '10 minutes ago'", 'as it was then'],
  ],
  id: (row) => row.ID,
  ids: 'ids',
  filters: 'id=, label=',
  style: {
    headings: ['ID', 'CREATED', 'EXPIRES', 'HOLDS'],
    cells: (row) => [row.ID, row.CreatedSince, row.Expires, String(row.Held)],
  },
  list: (resources, request, options) => resources.leases(request, options),
  row: leaseRow,
});
