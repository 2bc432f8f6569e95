import type { FleetRun } from '../../../../engine/ports/fleet.ts';
import { formatHelp, printRows, type RowStyle } from '../../output/rows.ts';
import { familiarName, shortId, timestamp } from '../../output/units.ts';
import { collect } from '../../parse/quantity.ts';
import type { Verb } from '../../verb.ts';
import { hostHelp, urlHelp, urlOf } from './url.ts';

const timeOf = (at: number | undefined): string => (at === undefined ? '' : timestamp(BigInt(at)));

const lastOf = ({ running, lastEndedAt, firstStartedAt }: FleetRun): string => {
  if (running) return 'runs';
  return firstStartedAt === undefined ? 'never ran' : timeOf(lastEndedAt);
};

const rowOf = (run: FleetRun) => ({
  Host: run.host,
  Namespace: run.namespace,
  ID: run.id,
  Names: run.name,
  Image: run.image.name,
  Digest: run.image.digest,
  CreatedAt: timeOf(run.createdAt),
  FirstStartedAt: timeOf(run.firstStartedAt),
  LastEndedAt: timeOf(run.lastEndedAt),
  Running: run.running,
  RemovedAt: timeOf(run.removedAt),
  Last: lastOf(run),
});
type Row = ReturnType<typeof rowOf>;

const style: RowStyle<Row> = {
  headings: ['HOST', 'CONTAINER', 'IMAGE', 'DIGEST', 'FIRST STARTED', 'LAST', 'REMOVED'],
  cells: (row) => [
    row.Host,
    `${row.Namespace}/${row.Names}`,
    familiarName(row.Image),
    shortId(row.Digest),
    row.FirstStartedAt,
    row.Last,
    row.RemovedAt,
  ],
};

export const verb: Verb = {
  examples: [
    ['shiplog fleet history sha256:4bcff63911fc', 'which hosts ever ran it, and when'],
    ['shiplog fleet history busybox', 'the same by name, whatever it pointed at'],
    ["shiplog fleet history busybox --format '{{.Host}}' | sort -u", 'only the hosts'],
  ],
  declare: (command, perform) =>
    command
      .argument('<thing>', "a digest or its start, an image's name, a container's name or start of its id")
      .option('--url <url>', urlHelp)
      .option('--host <id>', hostHelp, collect)
      .option('-q, --quiet', 'print only hosts, each once')
      .option('--format <format>', formatHelp)
      .action((thing, flags) =>
        perform(async ({ io, fleet }) => {
          const runs = await (await fleet(urlOf(flags.url, io))).history({ hosts: flags.host ?? [], thing });
          const shown = flags.quiet ? firstOfEachHost(runs) : runs;
          const quiet = flags.quiet ? (row: Row) => row.Host : undefined;
          await printRows(io, shown.map(rowOf), style, { format: flags.format, quiet });
          return 0;
        }),
      ),
};

const firstOfEachHost = (runs: readonly FleetRun[]): readonly FleetRun[] => [
  ...new Map(runs.toReversed().map((run) => [run.host, run])).values(),
];
