import { create } from '@bufbuild/protobuf';
import { Namespace } from '../../../../domain/identity.ts';
import type { FleetToldEvent } from '../../../../engine/ports/fleet.ts';
import { EventSchema } from '../../../../gen/shiplog/v1/types_pb.ts';
import { write } from '../../cli-io.ts';
import { given } from '../../container-flags/options.ts';
import { eventLine, eventRow } from '../../output/event-rows.ts';
import { lineFormat } from '../../output/rows.ts';
import { collect } from '../../parse/quantity.ts';
import { timeHelp, timeRange } from '../../parse/time.ts';
import type { Verb } from '../../verb.ts';
import { hostHelp, urlHelp, urlOf } from './url.ts';

const rowOf = ({ host, event }: FleetToldEvent) => {
  const { actor, time, correlation, causation, reason = '' } = event.meta;
  const { position, type, version, subject, summary } = event;
  const told = create(EventSchema, {
    ...{ position, type, version, subject, summary, correlation, reason },
    data: JSON.stringify(event.data) ?? '',
    actor: { ...actor, uid: BigInt(actor.uid), gid: BigInt(actor.gid), pid: BigInt(actor.pid) },
    wallUs: BigInt(time.wall),
    monoUs: BigInt(time.mono),
    boot: time.boot,
    ...given({ causation: causation === undefined ? undefined : BigInt(causation) }),
  });
  return { Host: host, ...eventRow(told) };
};

export const verb: Verb = {
  examples: [
    ['shiplog fleet events --since 10m', 'what happened lately, on any host'],
    ['shiplog fleet events -f --filter type=image-removed', 'each removal of an image, from now on too'],
    ['shiplog fleet events --host 01j9z0c0ffee --format json', 'the whole log of a host that is gone'],
  ],
  declare: (command, perform) =>
    command
      .option('--url <url>', urlHelp)
      .option('--host <id>', hostHelp, collect)
      .option('-f, --follow', 'go on as things happen, without gap or repeat')
      .option('--since <time>', `from a time on: ${timeHelp}`)
      .option('--until <time>', 'up to a time')
      .option(
        '--filter <filter>',
        'type=, subject=, container=, image=, actor=, correlation= (repeat)',
        collect,
      )
      .option('--all-namespaces', 'of all namespaces and of the hosts')
      .option('--format <format>', "'json' (an object a line) or a template")
      .action((flags) =>
        perform(async ({ io, namespace, fleet, signal }) => {
          const line = lineFormat(flags.format);
          const { sinceUs, untilUs } = timeRange(flags, io.now());
          const query = {
            hosts: flags.host ?? [],
            filters: flags.filter ?? [],
            follow: flags.follow ?? false,
            ...(flags.allNamespaces ? {} : { namespace: Namespace.parse(namespace) }),
            ...(sinceUs === undefined ? {} : { since: Number(sinceUs) }),
            ...(untilUs === undefined ? {} : { until: Number(untilUs) }),
          };
          for await (const event of (await fleet(urlOf(flags.url, io))).events(query, signal)) {
            const row = rowOf(event);
            await write(io.stdout, `${line ? line(row) : `${row.Host} ${eventLine(row)}`}\n`);
          }
          return 0;
        }),
      ),
};
