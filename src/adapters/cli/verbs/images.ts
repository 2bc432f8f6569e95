import { UsageError } from '../exit-codes.ts';
import { shownAt } from '../moment.ts';
import { type ImageRow, imageRow } from '../output/image-rows.ts';
import { formatHelp, printRows, type RowStyle } from '../output/rows.ts';
import { atFlag, atHelp } from '../parse/at.ts';
import { collect } from '../parse/quantity.ts';
import type { Verb } from '../verb.ts';

const style = (digests: boolean): RowStyle<ImageRow> => ({
  headings: ['REPOSITORY', 'TAG', ...(digests ? ['DIGEST'] : []), 'IMAGE ID', 'CREATED', 'SIZE'],
  cells: (row) => [
    row.Repository,
    row.Tag,
    ...(digests ? [row.Digest] : []),
    row.ID,
    row.CreatedSince,
    row.Size,
  ],
});

/** The one filter that the daemon knows. */
const referenceOf = (repository: string | undefined, filters: readonly string[] | undefined): string => {
  let reference = repository ?? '';
  for (const filter of filters ?? []) {
    const [name, value] = filter.split(/=(.*)/s);
    if (name !== 'reference' || !value) {
      throw new UsageError(`--filter ${filter}: there is only reference=NAME`);
    }
    if (reference !== '') throw new UsageError('give one reference, as argument or as --filter');
    reference = value;
  }
  return reference;
};

export const verb: Verb = {
  examples: [
    ['shiplog images', 'all of the namespace'],
    ['shiplog images debian --digests', 'some, with what their names point at'],
    ['shiplog images --at 4711', 'what there was before the event at this position'],
    ["shiplog images --format '{{.Name}} {{.Size}}'", 'what you need of each'],
  ],
  declare: (command, perform) =>
    command
      .argument('[reference]', 'only images of this name')
      .option('-a, --all', 'as docker takes it; shiplog has no hidden images')
      .option('-q, --quiet', 'print only ids')
      .option('--digests', 'show digests')
      .option('--no-trunc', 'show whole ids')
      .option('-f, --filter <filter>', 'reference=NAME', collect)
      .option(atFlag, atHelp)
      .option('--format <format>', formatHelp)
      .action((repository, flags) =>
        perform(async (context) => {
          const { io, namespace, client, signal } = context;
          const reference = referenceOf(repository, flags.filter);
          const { at, nowMs } = await shownAt(context, flags.at);
          const { images } = await (await client()).images.list({ namespace, reference, ...at }, { signal });
          const rows = images.map((image) => imageRow(image, nowMs, !flags.trunc));
          const quiet = flags.quiet ? (row: ImageRow) => row.ID : undefined;
          await printRows(io, rows, style(flags.digests ?? false), { format: flags.format, quiet });
          return 0;
        }),
      ),
};
