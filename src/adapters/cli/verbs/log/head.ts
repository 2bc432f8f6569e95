import type { TreeHead } from '../../../../gen/shiplog/v1/proofs_pb.ts';
import { write } from '../../cli-io.ts';
import { lineFormat } from '../../output/rows.ts';
import { parseTime, timeHelp } from '../../parse/time.ts';
import type { Verb } from '../../verb.ts';

const rowOf = ({ size, root, timeUs, note }: TreeHead) => ({
  Size: size,
  Root: root,
  Time: new Date(Number(timeUs / 1000n)).toISOString(),
  Note: note,
});

export const verb: Verb = {
  examples: [
    ['shiplog log head', 'the newest signed head: keep it elsewhere'],
    ['shiplog log head --fresh > head.note', 'of everything up to now'],
    ["shiplog log head --all --since '1 day ago' --format '{{.Time}} {{.Size}} {{.Root}}'", 'a list'],
  ],
  declare: (command, perform) =>
    command
      .option('--fresh', 'sign one now')
      .option('--all', 'all that were signed, oldest first')
      .option('--since <time>', `with --all, those signed since: ${timeHelp}`)
      .option('--format <format>', "'note' (as signed), 'json' or a template")
      .action((flags) =>
        perform(async ({ io, client, signal }) => {
          const line = lineFormat(flags.format === 'note' ? undefined : flags.format);
          const print = (head: TreeHead): Promise<void> =>
            write(io.stdout, line ? `${line(rowOf(head))}\n` : head.note);
          const { proofs } = await client();
          if (flags.all !== true) {
            await print(await proofs.head({ fresh: flags.fresh ?? false }, { signal }));
            return 0;
          }
          const since = flags.since === undefined ? {} : { sinceUs: parseTime(flags.since, io.now()) };
          let first = true;
          for await (const head of proofs.heads(since, { signal })) {
            if (!first && !line) await write(io.stdout, '\n');
            first = false;
            await print(head);
          }
          return 0;
        }),
      ),
};
