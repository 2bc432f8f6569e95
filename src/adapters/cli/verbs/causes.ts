import { write } from '../cli-io.ts';
import { causeRow, causeTree } from '../output/cause-tree.ts';
import { paintFor } from '../output/paint.ts';
import { lineFormat } from '../output/rows.ts';
import { parsePosition } from '../parse/moment.ts';
import type { Verb } from '../verb.ts';

export const verb: Verb = {
  examples: [
    ['shiplog causes 4711', 'from the request down to the last effect: intents, outcomes, reactions'],
    ['shiplog causes 4711 --format json', 'the events from the root down, with their depths'],
  ],
  declare: (command, perform) =>
    command
      .argument('<position>', 'of an event, as history and events show it')
      .option('--format <format>', "'json' (an object a line) or a template")
      .action((text, flags) =>
        perform(async ({ io, client, signal }) => {
          const position = parsePosition(text);
          const line = lineFormat(flags.format);
          const { nodes, note } = await (await client()).time.causes({ position }, { signal });
          const shown = line
            ? nodes.map((node) => `${line(causeRow(node))}\n`).join('')
            : causeTree(nodes, position, paintFor(io));
          await write(io.stdout, shown);
          if (note !== '') await write(io.stderr, `not whole: ${note}\n`);
          return 0;
        }),
      ),
};
