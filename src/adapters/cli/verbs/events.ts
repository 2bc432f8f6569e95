import { write } from '../cli-io.ts';
import { given } from '../container-flags/options.ts';
import { eventLine, eventRow } from '../output/event-rows.ts';
import { lineFormat } from '../output/rows.ts';
import { collect, parseBigCount } from '../parse/quantity.ts';
import { timeHelp, timeRange } from '../parse/time.ts';
import type { Verb } from '../verb.ts';

export const verb: Verb = {
  examples: [
    ['shiplog events --since 10m', 'what happened lately'],
    ['shiplog events -f --filter container=web', 'what happens to one container, from now on too'],
    [
      "shiplog events --filter actor=1000 --format '{{.Position}} {{.Type}} {{json .Data}}'",
      'what one user did',
    ],
  ],
  declare: (command, perform) =>
    command
      .option('-f, --follow', 'go on as things happen, without gap or repeat')
      .option('--since <time>', `from a time on: ${timeHelp}`)
      .option('--until <time>', 'up to a time')
      .option('--from <position>', 'from a position of the log on', parseBigCount)
      .option(
        '--filter <filter>',
        'type=, subject=, container=, image=, actor=, correlation= (repeat)',
        collect,
      )
      .option('--all-namespaces', 'of all namespaces and of the host')
      .option('--format <format>', "'json' (an object a line) or a template")
      .action((flags) =>
        perform(async ({ io, namespace, client, signal }) => {
          const line = lineFormat(flags.format);
          const request = {
            namespace: flags.allNamespaces ? '' : namespace,
            follow: flags.follow ?? false,
            filters: flags.filter ?? [],
            ...given({ fromPosition: flags.from }),
            ...timeRange(flags, io.now()),
          };
          for await (const event of (await client()).log.events(request, { signal })) {
            const row = eventRow(event);
            await write(io.stdout, `${line ? line(row) : eventLine(row)}\n`);
          }
          return 0;
        }),
      ),
};
