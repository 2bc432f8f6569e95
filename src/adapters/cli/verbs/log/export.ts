import { write } from '../../cli-io.ts';
import { given } from '../../container-flags/options.ts';
import { UsageError } from '../../exit-codes.ts';
import { cloudEvent } from '../../export/cloud-event.ts';
import { ocsfEvent } from '../../export/ocsf.ts';
import { eventRow } from '../../output/event-rows.ts';
import { toJson } from '../../output/template.ts';
import { collect, parseBigCount } from '../../parse/quantity.ts';
import { timeHelp, timeRange } from '../../parse/time.ts';
import type { Verb } from '../../verb.ts';

const formats = { cloudevents: cloudEvent, ocsf: ocsfEvent } as const;

const formatNamed = (name: string): (typeof formats)[keyof typeof formats] => {
  if (name === 'cloudevents' || name === 'ocsf') return formats[name];
  throw new UsageError(`there is no format '${name}' of export; give cloudevents or ocsf`);
};

export const verb: Verb = {
  examples: [
    ['shiplog log export > events.jsonl', 'everything, as CloudEvents 1.0, a JSON object a line'],
    ['shiplog log export --format ocsf --since 24h', 'the last day for a SIEM'],
    ['shiplog log export -f --from 4711 | vector', 'goes on as things happen; resume after the last id'],
  ],
  declare: (command, perform) =>
    command
      .option('--format <format>', 'cloudevents or ocsf', 'cloudevents')
      .option('--from <position>', 'from a position of the log on', parseBigCount)
      .option('--to <position>', 'up to a position, which is not given any more', parseBigCount)
      .option('--since <time>', `from a time on: ${timeHelp}`)
      .option('--until <time>', 'up to a time')
      .option('--filter <filter>', "as of 'shiplog events' (repeat)", collect)
      .option('-f, --follow', 'go on as things happen, without gap or repeat')
      .action((flags) =>
        perform(async ({ io, client, signal }) => {
          const format = formatNamed(flags.format);
          const { system, log } = await client();
          const { hostId } = await system.info({ namespace: '' }, { signal });
          const request = {
            namespace: '',
            follow: flags.follow ?? false,
            filters: flags.filter ?? [],
            ...given({ fromPosition: flags.from }),
            ...timeRange(flags, io.now()),
          };
          for await (const event of log.events(request, { signal })) {
            if (flags.to !== undefined && event.position >= flags.to) break;
            await write(io.stdout, `${toJson(format(eventRow(event), hostId))}\n`);
          }
          return 0;
        }),
      ),
};
