import { write } from '../../cli-io.ts';
import { lineFormat } from '../../output/rows.ts';
import { printable } from '../../output/units.ts';
import { collect, parseBigCount } from '../../parse/quantity.ts';
import type { Verb } from '../../verb.ts';

export const verb: Verb = {
  examples: [
    [
      "shiplog log redact 4711 --field config.process.env.2 --reason 'a password'",
      'the value of a variable; its name stays',
    ],
    ['shiplog log redact 4711 --field /labels/owner --field /config/process/args --reason GDPR', 'several'],
    ['shiplog events --from 4711 --format json', 'shows which fields the event has'],
  ],
  declare: (command, perform) =>
    command
      .argument('<position>', 'of the event', parseBigCount)
      .requiredOption(
        '--field <path>',
        'what to take out: a JSON pointer or a dotted path into its data; all texts inside (repeat)',
        collect,
      )
      .option('-q, --quiet', 'print only the position of the event that records it')
      .option('--format <format>', "'json' or a template")
      .action((position, flags) =>
        perform(async ({ io, client, signal }) => {
          const line = lineFormat(flags.format);
          const request = { position, fields: flags.field };
          const { recordedPosition: recorded, archives } = await (await client()).keeping.redact(request, {
            signal,
          });
          const row = { Position: position, Recorded: recorded, Archives: archives };
          if (line) await write(io.stdout, `${line(row)}\n`);
          else if (flags.quiet) await write(io.stdout, recorded === undefined ? '' : `${recorded}\n`);
          else await write(io.stdout, told(position, recorded));
          if (archives.length === 0) return 0;
          const folders = archives.map(printable).join(', ');
          await write(
            io.stderr,
            `shiplog: archives still hold it as it was: ${folders}; 'shiplog log archive --to' the same folder replaces it there\n`,
          );
          return 0;
        }),
      ),
};

const told = (position: bigint, recorded: bigint | undefined): string =>
  recorded === undefined
    ? `Event ${position} holds none of it any more\n`
    : `Event ${position} redacted, as event ${recorded} records\n`;
