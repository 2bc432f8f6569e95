import type { Container } from '../../../gen/shiplog/v1/containers_pb.ts';
import { shownAt } from '../moment.ts';
import { type ContainerRow, containerRow } from '../output/container-rows.ts';
import { formatHelp, printRows, type RowStyle } from '../output/rows.ts';
import { atFlag, atHelp } from '../parse/at.ts';
import { collect, parseCount } from '../parse/quantity.ts';
import type { Verb } from '../verb.ts';

const style: RowStyle<ContainerRow> = {
  headings: ['CONTAINER ID', 'IMAGE', 'COMMAND', 'CREATED', 'STATUS', 'NAMES'],
  cells: (row) => [row.ID, row.Image, row.Command, row.RunningFor, row.Status, row.Names],
};

export const verb: Verb = {
  examples: [
    ['shiplog ps', 'what runs'],
    ['shiplog ps -a --filter status=exited --filter label=team=web', 'what has ended, of one team'],
    ["shiplog ps -a --at '10 minutes ago'", 'what there was then, also what is gone since'],
    ["shiplog ps -a --format '{{.Names}}: {{.Status}}'", 'what you need of each'],
  ],
  declare: (command, perform) =>
    command
      .option('-a, --all', 'also those that do not run')
      .option('-q, --quiet', 'print only ids')
      .option('--no-trunc', 'show whole ids and commands')
      .option('-f, --filter <filter>', 'status=, name=, label=, ancestor=, id= (repeat)', collect)
      .option('-n, --last <number>', 'the last so many made, running or not', parseCount)
      .option('-l, --latest', 'the last one made, running or not')
      .option(atFlag, atHelp)
      .option('--format <format>', formatHelp)
      .action((flags) =>
        perform(async (context) => {
          const { io, namespace, client, signal } = context;
          const { at, nowMs } = await shownAt(context, flags.at);
          const last = flags.latest ? 1 : flags.last;
          const pieces = (await client()).containers.listStream(
            {
              ...{ namespace, all: (flags.all ?? false) || last !== undefined },
              ...{ filters: flags.filter ?? [], ...at },
            },
            { signal },
          );
          const containers: Container[] = [];
          for await (const piece of pieces) containers.push(...piece.containers);
          const newestFirst = containers.toSorted((a, b) => Number(b.createdUs - a.createdUs));
          const rows = newestFirst
            .slice(0, last ?? newestFirst.length)
            .map((container) => containerRow(container, nowMs, !flags.trunc));
          const quiet = flags.quiet ? (row: ContainerRow) => row.ID : undefined;
          await printRows(io, rows, style, { format: flags.format, quiet });
          return 0;
        }),
      ),
};
