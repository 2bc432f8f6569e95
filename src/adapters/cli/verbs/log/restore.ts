import { resolve } from 'node:path';
import { write } from '../../cli-io.ts';
import { lineFormat } from '../../output/rows.ts';
import { humanSize } from '../../output/units.ts';
import type { Verb } from '../../verb.ts';

const collect = (value: string, before: readonly string[]): readonly string[] => [...before, value];

export const verb: Verb = {
  examples: [
    ['shiplog log restore --from /var/backups/shiplog', 'all that was pruned; the log begins at 0 again'],
    ['shiplog log restore --from /mnt/cold/2025 --from /mnt/cold/2026', 'where it is in several folders'],
  ],
  declare: (command, perform) =>
    command
      .option('--from <folder>', "an archive on the daemon's host; may be given again", collect, [])
      .option('-q, --quiet', 'print only the position where the log began before')
      .option('--format <format>', "'json' or a template")
      .action((flags) =>
        perform(async ({ io, client, signal }) => {
          const line = lineFormat(flags.format);
          const directories = flags.from.map((folder) => resolve(folder));
          const report = await (await client()).keeping.restore({ directories }, { signal });
          const row = { Until: report.untilPosition, Segments: report.segments, Bytes: report.bytes };
          const words = `The events below ${row.Until} are back: ${row.Segments} files, ${humanSize(row.Bytes)}; the log begins at 0 now\n`;
          await write(io.stdout, line ? `${line(row)}\n` : flags.quiet ? `${row.Until}\n` : words);
          return 0;
        }),
      ),
};
