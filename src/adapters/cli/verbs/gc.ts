import { write } from '../cli-io.ts';
import { lineFormat } from '../output/rows.ts';
import { humanSize } from '../output/units.ts';
import type { Verb } from '../verb.ts';

export const verb: Verb = {
  examples: [
    ['shiplog gc', 'what was freed, and how much'],
    ['shiplog why DIGEST', 'why something was not'],
  ],
  declare: (command, perform) =>
    command
      .option('-q, --quiet', 'print only what was removed')
      .option('--format <format>', "'json' or a template")
      .action((flags) =>
        perform(async ({ io, namespace, client, signal }) => {
          const line = lineFormat(flags.format);
          const { removed, freedBytes } = await (await client()).system.gc({ namespace }, { signal });
          const list = removed.map((thing) => `${thing}\n`).join('');
          const total = `Removed ${removed.length}, freed ${humanSize(freedBytes)}\n`;
          const row = { Removed: removed, FreedBytes: freedBytes };
          await write(io.stdout, line ? `${line(row)}\n` : flags.quiet ? list : list + total);
          return 0;
        }),
      ),
};
