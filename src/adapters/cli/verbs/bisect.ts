import type { Asked, BisectResponse } from '../../../gen/shiplog/v1/time_pb.ts';
import { write } from '../cli-io.ts';
import { exitCodes } from '../exit-codes.ts';
import { eventLine, eventRow } from '../output/event-rows.ts';
import { lineFormat } from '../output/rows.ts';
import { printable } from '../output/units.ts';
import { momentHelp, momentRange } from '../parse/moment.ts';
import type { Verb } from '../verb.ts';

const askedRow = (asked: Asked | undefined) => ({
  Position: asked?.position ?? 0n,
  Holds: asked?.holds ?? false,
  Undecided: asked?.undecided ?? '',
});

const bisectRow = (answer: BisectResponse) => ({
  Found: answer.event !== undefined,
  Event: answer.event ? eventRow(answer.event) : null,
  Before: askedRow(answer.before),
  After: askedRow(answer.after),
  States: answer.states,
});
type BisectRow = ReturnType<typeof bisectRow>;

const saying = ({ Holds, Undecided }: BisectRow['Before']): string =>
  Holds ? 'true' : Undecided === '' ? 'false' : printable(`not to be told, taken for false: ${Undecided}`);

const found = (event: ReturnType<typeof eventRow>, { Before, After, States }: BisectRow): string =>
  `it turns true with event ${event.Position} (${States} states asked)
${eventLine(event)}
at ${Before.Position}, before it: ${saying(Before)}
at ${After.Position}, after it:  ${saying(After)}
`;

/** Why there is no such event. */
const nothing = ({ Before, After, States }: BisectRow, linear: boolean): string => {
  if (Before.Holds)
    return `it is true already at ${Before.Position}, where the search begins; begin earlier with --from\n`;
  if (linear)
    return `it is true nowhere from ${Before.Position} to ${After.Position} (${States} states asked)\n`;
  return `it is not true at ${After.Position}, where the search ends: ${saying(After)}; if it was true for a while, --linear finds where\n`;
};

export const verb: Verb = {
  examples: [
    ['shiplog bisect \'!("busybox" in images)\' --from 4700', 'which event took the image away'],
    ["shiplog bisect 'containers.web.task.oomKilled'", 'when it first ran out of memory'],
    ["shiplog bisect --linear 'containers.size() > 20'", 'also where that was so for a while only'],
  ],
  declare: (command, perform) =>
    command
      .argument('<expression>', 'in CEL, true or false of a state; see docs/time-machine.md')
      .option(
        '--from <moment>',
        `where it is not yet true: ${momentHelp}; the beginning of the log when absent`,
      )
      .option('--to <moment>', 'where it is true; now when absent')
      .option('--linear', 'ask after every event; else halve, taking it that it turns true once')
      .option('--format <format>', "'json' or a template")
      .action((expression, flags) =>
        perform(async ({ io, namespace, client, signal }) => {
          const line = lineFormat(flags.format);
          const linear = flags.linear ?? false;
          const request = { namespace, expression, linear, ...momentRange(flags, io.now()) };
          const row = bisectRow(await (await client()).time.bisect(request, { signal }));
          if (line) await write(io.stdout, `${line(row)}\n`);
          else if (row.Event) await write(io.stdout, found(row.Event, row));
          else await write(io.stderr, nothing(row, linear));
          return row.Found ? exitCodes.ok : exitCodes.failed;
        }),
      ),
};
