import type { BlamedField } from '../../../gen/shiplog/v1/time_pb.ts';
import { tellHorizon } from '../horizon.ts';
import { shownAt } from '../moment.ts';
import { valueText } from '../output/changes.ts';
import { eventRow } from '../output/event-rows.ts';
import { formatHelp, printRows, type RowStyle } from '../output/rows.ts';
import { atFlag, atHelp } from '../parse/at.ts';
import type { Verb } from '../verb.ts';

const blameRow = (subject: string, field: BlamedField) => {
  const event = field.by && eventRow(field.by);
  const value: unknown = JSON.parse(field.value);
  return {
    Subject: subject,
    Field: field.path,
    Value: value,
    Position: event?.Position ?? null,
    Time: event?.Time ?? '',
    Who: event?.Who ?? '',
    What: event?.Type ?? '',
    Why: event?.Why ?? '',
    Event: event ?? null,
  };
};
type BlameRow = ReturnType<typeof blameRow>;

const style = (width: number): RowStyle<BlameRow> => ({
  headings: ['FIELD', 'VALUE', 'POSITION', 'TIME', 'WHO', 'WHAT', 'WHY'],
  cells: (row) => [
    row.Field,
    valueText(JSON.stringify(row.Value), width),
    row.Position === null ? 'before the horizon' : String(row.Position),
    ...[row.Time, row.Who, row.What, row.Why],
  ],
});

export const verb: Verb = {
  examples: [
    ['shiplog blame web', 'of each field, the last event that set it'],
    ['shiplog blame web task.state', 'of these fields only'],
    ["shiplog blame busybox 'target.digest' --at '1 hour ago'", 'as it was then'],
  ],
  declare: (command, perform) =>
    command
      .argument('<thing>', 'an id, a name, a digest, a snapshot key, or KIND/NAMESPACE/ID')
      .argument('[field]', 'such as task.state.status; what lies within it counts')
      .option(atFlag, atHelp)
      .option('--no-trunc', 'show whole values')
      .option('--format <format>', formatHelp)
      .action((thing, field, flags) =>
        perform(async (context) => {
          const { io, namespace, client, signal } = context;
          const { at } = await shownAt(context, flags.at);
          const request = { namespace, thing, field: field ?? '', ...at };
          const { subject, fields } = await (await client()).time.blame(request, { signal });
          const rows = fields.map((one) => blameRow(subject, one));
          const width = flags.trunc ? 40 : Number.POSITIVE_INFINITY;
          await printRows(io, rows, style(width), { format: flags.format, quiet: undefined });
          if (rows.some(({ Position }) => Position === null)) await tellHorizon(context, thing);
          return 0;
        }),
      ),
};
