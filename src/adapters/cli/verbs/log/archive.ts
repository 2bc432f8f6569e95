import { resolve } from 'node:path';
import { write } from '../../cli-io.ts';
import { lineFormat } from '../../output/rows.ts';
import { humanSize, printable } from '../../output/units.ts';
import { parseAt } from '../../parse/at.ts';
import type { Verb } from '../../verb.ts';

export const verb: Verb = {
  examples: [
    [
      'shiplog log archive --to /var/backups/shiplog',
      'all closed files; those that are there already are left',
    ],
    ["shiplog log archive --before '90 days ago' --to /mnt/cold/log", 'only older ones'],
  ],
  declare: (command, perform) =>
    command
      .requiredOption('--to <folder>', "folder on the daemon's host; made where it is missing")
      .option('--before <moment>', 'only files that lie wholly before a position or a time')
      .option('-q, --quiet', 'print only the SHA-256 of the manifest')
      .option('--format <format>', "'json' or a template")
      .action((flags) =>
        perform(async ({ io, client, signal }) => {
          const line = lineFormat(flags.format);
          const before = flags.before === undefined ? undefined : parseAt(flags.before, io.now());
          const request = { directory: resolve(flags.to), ...(before === undefined ? {} : { before }) };
          const report = await (await client()).keeping.archive(request, { signal });
          const row = {
            Directory: report.directory,
            From: report.fromPosition,
            Until: report.untilPosition,
            Segments: report.segments,
            Bytes: report.bytes,
            Manifest: report.manifest,
          };
          if (line) await write(io.stdout, `${line(row)}\n`);
          else if (flags.quiet) await write(io.stdout, `${row.Manifest}\n`);
          else await write(io.stdout, told(row));
          return 0;
        }),
      ),
};

interface Row {
  readonly Directory: string;
  readonly From: bigint;
  readonly Until: bigint;
  readonly Segments: number;
  readonly Bytes: bigint;
}

const told = ({ Directory, From, Until, Segments, Bytes }: Row): string =>
  From === Until
    ? 'No closed file of the log lies wholly before that; nothing was archived\n'
    : `Events ${From} to ${Until - 1n} are in ${printable(Directory)}; ${Segments} files written now, ${humanSize(Bytes)}\n`;
