import { shownAt } from '../moment.ts';
import { type NamespaceRow, namespaceRow } from '../output/resource-rows.ts';
import { formatHelp, printRows, type RowStyle } from '../output/rows.ts';
import { atFlag, atHelp } from '../parse/at.ts';
import { collect } from '../parse/quantity.ts';
import type { Verb } from '../verb.ts';

const style: RowStyle<NamespaceRow> = {
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
};

export const verb: Verb = {
  examples: [
    ['shiplog namespaces', 'all there are, and how much is in each'],
    ['shiplog namespaces -q', 'their names'],
    ['shiplog namespaces --at 2026-11-21', 'as it was then'],
  ],
  declare: (command, perform) =>
    command
      .option('-q, --quiet', 'print only names')
      .option('--no-trunc', 'show whole ids and labels')
      .option('-f, --filter <filter>', 'name=, label= (repeat)', collect)
      .option(atFlag, atHelp)
      .option('--format <format>', formatHelp)
      .action((flags) =>
        perform(async (context) => {
          const { io, client, signal } = context;
          const { at } = await shownAt(context, flags.at);
          const request = { filters: flags.filter ?? [], ...at };
          const rows: NamespaceRow[] = [];
          for await (const one of (await client()).resources.namespaces(request, { signal })) {
            rows.push(namespaceRow(one, !flags.trunc));
          }
          const quiet = flags.quiet ? (row: NamespaceRow) => row.Name : undefined;
          await printRows(io, rows, style, { format: flags.format, quiet });
          return 0;
        }),
      ),
};
