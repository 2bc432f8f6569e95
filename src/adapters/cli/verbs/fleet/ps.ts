import { create } from '@bufbuild/protobuf';
import { Namespace } from '../../../../domain/identity.ts';
import type { FleetContainer } from '../../../../engine/ports/fleet.ts';
import { ContainerSchema } from '../../../../gen/shiplog/v1/containers_pb.ts';
import { given } from '../../container-flags/options.ts';
import { containerRow } from '../../output/container-rows.ts';
import { formatHelp, printRows, type RowStyle } from '../../output/rows.ts';
import { collect } from '../../parse/quantity.ts';
import type { Verb } from '../../verb.ts';
import { hostHelp, urlHelp, urlOf } from './url.ts';

const rowOf = ({ host, view }: FleetContainer, nowMs: number, noTrunc: boolean) => {
  const { image, args, labels, startedAt, exitedAt, createdAt, pid = 0, ...rest } = view;
  const container = create(ContainerSchema, {
    ...rest,
    pid,
    image: image?.name ?? '',
    imageDigest: image?.digest ?? '',
    args: [...args],
    labels: { ...labels },
    createdUs: BigInt(createdAt),
    ...given({
      startedUs: startedAt === undefined ? undefined : BigInt(startedAt),
      exitedUs: exitedAt === undefined ? undefined : BigInt(exitedAt),
    }),
  });
  return {
    Host: host,
    Namespace: view.namespace,
    ...containerRow(container, nowMs, noTrunc),
    Digest: container.imageDigest,
  };
};
type Row = ReturnType<typeof rowOf>;

const style: RowStyle<Row> = {
  headings: ['HOST', 'CONTAINER ID', 'IMAGE', 'COMMAND', 'CREATED', 'STATUS', 'NAMES'],
  cells: (row) => [row.Host, row.ID, row.Image, row.Command, row.RunningFor, row.Status, row.Names],
};

export const verb: Verb = {
  examples: [
    ["shiplog fleet ps --url 'esdb://db.example:2113'", 'what runs on any host'],
    ['shiplog fleet ps -a --filter ancestor=busybox', 'all that was made from an image and is there yet'],
    ["shiplog fleet ps --all-namespaces --format '{{.Host}} {{.Namespace}}/{{.Names}}'", 'of all tenants'],
  ],
  declare: (command, perform) =>
    command
      .option('--url <url>', urlHelp)
      .option('--host <id>', hostHelp, collect)
      .option('-a, --all', 'also those that do not run')
      .option('-q, --quiet', 'print only ids')
      .option('--no-trunc', 'show whole ids and commands')
      .option('--all-namespaces', 'of all namespaces')
      .option('-f, --filter <filter>', 'status=, name=, label=, ancestor=, id= (repeat)', collect)
      .option('--format <format>', formatHelp)
      .action((flags) =>
        perform(async ({ io, namespace, fleet }) => {
          const containers = await (await fleet(urlOf(flags.url, io))).ps({
            hosts: flags.host ?? [],
            all: flags.all ?? false,
            filters: flags.filter ?? [],
            ...(flags.allNamespaces ? {} : { namespace: Namespace.parse(namespace) }),
          });
          const rows = containers.map((container) => rowOf(container, io.now(), !flags.trunc));
          const quiet = flags.quiet ? (row: Row) => row.ID : undefined;
          await printRows(io, rows, style, { format: flags.format, quiet });
          return 0;
        }),
      ),
};
