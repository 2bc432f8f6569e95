import { write } from '../cli-io.ts';
import { changeRow, changeText } from '../output/changes.ts';
import { paintFor } from '../output/paint.ts';
import { lineFormat } from '../output/rows.ts';
import { momentHelp, momentRange } from '../parse/moment.ts';
import type { Verb } from '../verb.ts';

export const verb: Verb = {
  examples: [
    ["shiplog diff '10 minutes ago' now", 'what is not as it was, and who did it'],
    ['shiplog diff 4700 4720 --subject web', 'what became of one container between two positions'],
    ['shiplog diff 4700 4720 --fields --format json', 'an object a line: things, fields, events'],
  ],
  declare: (command, perform) =>
    command
      .argument('<from>', momentHelp)
      .argument('[to]', 'the later moment', 'now')
      .option(
        '--subject <thing>',
        'only of this: an id, a name, a digest, a snapshot key, or KIND/NAMESPACE/ID',
      )
      .option('--fields', 'also every field of things that came or went')
      .option('--no-trunc', 'show whole values')
      .option('--format <format>', "'json' (an object a line) or a template")
      .action((from, to, flags) =>
        perform(async ({ io, namespace, client, signal }) => {
          const line = lineFormat(flags.format);
          const paint = paintFor(io);
          const request = { namespace, thing: flags.subject ?? '', ...momentRange({ from, to }, io.now()) };
          const style = {
            fields: flags.fields ?? false,
            ...(flags.trunc ? {} : { width: Number.POSITIVE_INFINITY }),
          };
          for await (const change of (await client()).time.diff(request, { signal })) {
            await write(io.stdout, line ? `${line(changeRow(change))}\n` : changeText(change, paint, style));
          }
          return 0;
        }),
      ),
};
