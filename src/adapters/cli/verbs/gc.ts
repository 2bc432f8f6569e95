import { write } from '../cli-io.ts';
import { shownAt } from '../moment.ts';
import { lineFormat } from '../output/rows.ts';
import { humanSize } from '../output/units.ts';
import { atFlag } from '../parse/at.ts';
import type { Verb } from '../verb.ts';

export const verb: Verb = {
  examples: [
    ['shiplog gc', 'what was freed, and how much'],
    ['shiplog gc --dry-run', 'what would be freed; removes nothing'],
    ["shiplog gc --at '1 hour ago'", 'what nothing kept then'],
    ['shiplog why DIGEST', 'why something was not'],
  ],
  declare: (command, perform) =>
    command
      .option('--dry-run', 'remove nothing, only tell what would be removed')
      .option(atFlag, 'what would have been removed then; removes nothing')
      .option('-q, --quiet', 'print only what was removed')
      .option('--format <format>', "'json' or a template")
      .action((flags) =>
        perform(async (context) => {
          const { io, namespace, client, signal } = context;
          const line = lineFormat(flags.format);
          const { at, past } = await shownAt(context, flags.at);
          const dryRun = past || (flags.dryRun ?? false);
          const request = { namespace, dryRun, ...at };
          const { removed, freedBytes } = await (await client()).system.gc(request, { signal });
          const list = removed.map((thing) => `${thing}\n`).join('');
          const size = humanSize(freedBytes);
          const total = dryRun
            ? `Would remove ${removed.length}, would free ${size}\n`
            : `Removed ${removed.length}, freed ${size}\n`;
          const row = { Removed: removed, FreedBytes: freedBytes, DryRun: dryRun };
          await write(io.stdout, line ? `${line(row)}\n` : flags.quiet ? list : list + total);
          return 0;
        }),
      ),
};
