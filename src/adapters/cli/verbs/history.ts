import { tellHorizon } from '../horizon.ts';
import { type EventRow, eventRow, redactedMark } from '../output/event-rows.ts';
import { formatHelp, printRows, type RowStyle } from '../output/rows.ts';
import { collect } from '../parse/quantity.ts';
import { timeHelp, timeRange } from '../parse/time.ts';
import type { Verb } from '../verb.ts';

const style: RowStyle<EventRow> = {
  headings: ['TIME', 'POSITION', 'WHO', 'WHAT', 'WHY'],
  cells: (row) => [
    row.Time,
    String(row.Position),
    row.Who,
    `${row.Summary || row.Type}${redactedMark(row)}`,
    row.Why,
  ],
};

export const verb: Verb = {
  examples: [
    ['shiplog history web', 'everything that happened to it, oldest first; also when it is gone'],
    ['shiplog history sha256:4bcff63911fc', 'of a blob: who brought it, what freed it'],
    ['shiplog history web --type task-exited --since 1h', 'how often it ended lately, and how'],
    ["shiplog --reason 'ticket 42' rm web", 'gives the answer to WHY'],
  ],
  declare: (command, perform) =>
    command
      .argument('<thing>', 'an id, a name, a digest, a snapshot key, or KIND/NAMESPACE/ID')
      .option('--type <type>', 'only events of this type, or of this kind such as task (repeat)', collect)
      .option('--actor <uid>', 'only what this user did (repeat)', collect)
      .option('--correlation <id>', 'only what followed from this request (repeat)', collect)
      .option('--since <time>', `from a time on: ${timeHelp}`)
      .option('--until <time>', 'up to a time')
      .option('-q, --quiet', 'print only positions')
      .option('--format <format>', formatHelp)
      .action((thing, flags) =>
        perform(async (context) => {
          const { io, namespace, client, signal } = context;
          const rows: EventRow[] = [];
          const { type, actor, correlation } = flags;
          const filters = Object.entries({ type, actor, correlation }).flatMap(([key, values = []]) =>
            values.map((value) => `${key}=${value}`),
          );
          const request = { namespace, thing, filters, ...timeRange(flags, io.now()) };
          for await (const event of (await client()).log.history(request, { signal })) {
            rows.push(eventRow(event));
          }
          const quiet = flags.quiet ? (row: EventRow) => String(row.Position) : undefined;
          await printRows(io, rows, style, { format: flags.format, quiet });
          await tellHorizon(context, thing);
          return 0;
        }),
      ),
};
