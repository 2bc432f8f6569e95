import { shownAt } from '../moment.ts';
import { type SnapshotRow, snapshotRow } from '../output/resource-rows.ts';
import { formatHelp, printRows, type RowStyle } from '../output/rows.ts';
import { atFlag, atHelp } from '../parse/at.ts';
import { collect } from '../parse/quantity.ts';
import type { Verb } from '../verb.ts';

const style: RowStyle<SnapshotRow> = {
  headings: ['KEY', 'KIND', 'PARENT', 'SNAPSHOTTER', 'SIZE', 'CREATED'],
  cells: (row) => [row.Key, row.Kind, row.Parent, row.Snapshotter, row.Size, row.CreatedSince],
};

export const verb: Verb = {
  examples: [
    ['shiplog snapshots', 'all of the namespace'],
    ['shiplog snapshots --filter kind=active', 'those that something writes to'],
    ["shiplog snapshots --at '10 minutes ago'", 'as it was then'],
  ],
  declare: (command, perform) =>
    command
      .option('-q, --quiet', 'print only keys')
      .option('--no-trunc', 'show whole ids and labels')
      .option('-f, --filter <filter>', 'kind=, key=, parent=, snapshotter=, label= (repeat)', collect)
      .option(atFlag, atHelp)
      .option('--format <format>', formatHelp)
      .action((flags) =>
        perform(async (context) => {
          const { io, namespace, client, signal } = context;
          const { at, nowMs } = await shownAt(context, flags.at);
          const request = { namespace, filters: flags.filter ?? [], ...at };
          const rows: SnapshotRow[] = [];
          for await (const one of (await client()).resources.snapshots(request, { signal })) {
            rows.push(snapshotRow(one, nowMs, !flags.trunc || (flags.quiet ?? false)));
          }
          const quiet = flags.quiet ? (row: SnapshotRow) => row.Key : undefined;
          await printRows(io, rows, style, { format: flags.format, quiet });
          return 0;
        }),
      ),
};
