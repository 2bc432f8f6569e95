import { write } from '../../cli-io.ts';
import { lineFormat } from '../../output/rows.ts';
import { humanSize, printable } from '../../output/units.ts';
import { parseAt } from '../../parse/at.ts';
import type { Verb } from '../../verb.ts';

export const verb: Verb = {
  examples: [
    ["shiplog log prune --before '1 year ago' --reason 'retention rule 7'", 'what an archive has'],
    ['shiplog log prune --before 5000000 --unarchived --reason …', 'lost for good'],
  ],
  declare: (command, perform) =>
    command
      .requiredOption('--before <moment>', 'files that lie wholly before a position or a time go')
      .option('--unarchived', 'also what no archive has')
      .option('-q, --quiet', 'print only the position where the log begins now')
      .option('--format <format>', "'json' or a template")
      .action((flags) =>
        perform(async ({ io, client, signal }) => {
          const line = lineFormat(flags.format);
          const request = {
            before: parseAt(flags.before, io.now()),
            unarchived: flags.unarchived ?? false,
          };
          const report = await (await client()).keeping.prune(request, { signal });
          const { horizon, segments, bytes, archives } = report;
          const row = { Horizon: horizon, Segments: segments, Bytes: bytes, Archives: archives };
          const where = archives.length === 0 ? 'in no archive' : `in ${archives.map(printable).join(', ')}`;
          const words = `The log begins at ${horizon} now; ${segments} files removed, ${humanSize(bytes)} freed; what was before is ${where}\n`;
          await write(io.stdout, line ? `${line(row)}\n` : flags.quiet ? `${horizon}\n` : words);
          return 0;
        }),
      ),
};
