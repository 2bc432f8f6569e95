import { shownAt } from '../moment.ts';
import { type LeaseRow, leaseRow } from '../output/resource-rows.ts';
import { formatHelp, printRows, type RowStyle } from '../output/rows.ts';
import { atFlag, atHelp } from '../parse/at.ts';
import { collect } from '../parse/quantity.ts';
import type { Verb } from '../verb.ts';

const style: RowStyle<LeaseRow> = {
  headings: ['ID', 'CREATED', 'EXPIRES', 'HOLDS'],
  cells: (row) => [row.ID, row.CreatedSince, row.Expires, String(row.Held)],
};

export const verb: Verb = {
  examples: [
    ['shiplog leases', 'what is kept for work under way'],
    ["shiplog leases --format '{{.ID}}: {{json .Resources}}'", 'and what each holds'],
    ["shiplog leases --at '10 minutes ago'", 'as it was then'],
  ],
  declare: (command, perform) =>
    command
      .option('-q, --quiet', 'print only ids')
      .option('-f, --filter <filter>', 'id=, label= (repeat)', collect)
      .option(atFlag, atHelp)
      .option('--format <format>', formatHelp)
      .action((flags) =>
        perform(async (context) => {
          const { io, namespace, client, signal } = context;
          const { at, nowMs } = await shownAt(context, flags.at);
          const request = { namespace, filters: flags.filter ?? [], ...at };
          const rows: LeaseRow[] = [];
          for await (const one of (await client()).resources.leases(request, { signal })) {
            rows.push(leaseRow(one, nowMs));
          }
          const quiet = flags.quiet ? (row: LeaseRow) => row.ID : undefined;
          await printRows(io, rows, style, { format: flags.format, quiet });
          return 0;
        }),
      ),
};
