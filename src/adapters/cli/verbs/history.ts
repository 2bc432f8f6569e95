import { type EventRow, eventRow } from '../output/event-rows.ts';
import { formatHelp, printRows, type RowStyle } from '../output/rows.ts';
import type { Verb } from '../verb.ts';

const style: RowStyle<EventRow> = {
  headings: ['TIME', 'POSITION', 'WHO', 'WHAT', 'WHY'],
  cells: (row) => [row.Time, String(row.Position), row.Who, row.Summary || row.Type, row.Why],
};

export const verb: Verb = {
  examples: [
    ['shiplog history web', 'everything that happened to it, oldest first; also when it is gone'],
    ['shiplog history sha256:4bcff63911fc', 'of a blob: who brought it, what freed it'],
    ["shiplog --reason 'ticket 42' rm web", 'gives the answer to WHY'],
  ],
  declare: (command, perform) =>
    command
      .argument('<thing>', 'an id, a name, a digest, a snapshot key, or KIND/NAMESPACE/ID')
      .option('-q, --quiet', 'print only positions')
      .option('--format <format>', formatHelp)
      .action((thing, flags) =>
        perform(async ({ io, namespace, client, signal }) => {
          const rows: EventRow[] = [];
          for await (const event of (await client()).log.history({ namespace, thing }, { signal })) {
            rows.push(eventRow(event));
          }
          const quiet = flags.quiet ? (row: EventRow) => String(row.Position) : undefined;
          await printRows(io, rows, style, { format: flags.format, quiet });
          return 0;
        }),
      ),
};
