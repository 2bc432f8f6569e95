import { shownAt } from '../moment.ts';
import { type BlobRow, blobRow } from '../output/resource-rows.ts';
import { formatHelp, printRows, type RowStyle } from '../output/rows.ts';
import { atFlag, atHelp } from '../parse/at.ts';
import { collect } from '../parse/quantity.ts';
import type { Verb } from '../verb.ts';

const style: RowStyle<BlobRow> = {
  headings: ['DIGEST', 'SIZE', 'CREATED', 'LABELS'],
  cells: (row) => [row.Digest, row.Size, row.CreatedSince, row.LabelsText],
};

export const verb: Verb = {
  examples: [
    ['shiplog content', 'every blob of the namespace'],
    ['shiplog content --filter digest=4bcff63911fc --no-trunc', 'one, whole'],
    ["shiplog content --at '10 minutes ago'", 'as it was then'],
  ],
  declare: (command, perform) =>
    command
      .option('-q, --quiet', 'print only digests')
      .option('--no-trunc', 'show whole ids and labels')
      .option('-f, --filter <filter>', 'digest=, label= (repeat)', collect)
      .option(atFlag, atHelp)
      .option('--format <format>', formatHelp)
      .action((flags) =>
        perform(async (context) => {
          const { io, namespace, client, signal } = context;
          const { at, nowMs } = await shownAt(context, flags.at);
          const request = { namespace, filters: flags.filter ?? [], ...at };
          const rows: BlobRow[] = [];
          for await (const one of (await client()).resources.content(request, { signal })) {
            rows.push(blobRow(one, nowMs, !flags.trunc || (flags.quiet ?? false)));
          }
          const quiet = flags.quiet ? (row: BlobRow) => row.Digest : undefined;
          await printRows(io, rows, style, { format: flags.format, quiet });
          return 0;
        }),
      ),
};
