import { write } from '../cli-io.ts';
import { given } from '../container-flags/options.ts';
import { timestamp } from '../output/units.ts';
import { parseCount } from '../parse/quantity.ts';
import { timeHelp, timeRange } from '../parse/time.ts';
import type { Verb } from '../verb.ts';

const parseTail = (text: string): number | 'all' => (text === 'all' ? text : parseCount(text));

/** Entries may end in the middle of a line: a time stands only where one begins. */
const stamper = () => {
  const inLine = new Map<string, boolean>();
  return (stream: string, us: bigint, data: Uint8Array): Uint8Array => {
    const begins = !inLine.get(stream);
    inLine.set(stream, data.at(-1) !== 10);
    return begins ? Buffer.concat([Buffer.from(`${timestamp(us)} `), data]) : data;
  };
};

export const verb: Verb = {
  examples: [
    ['shiplog logs web', 'all that is kept; errors on standard error'],
    ['shiplog logs -f --tail 20 web', 'the last of it, and on'],
    ["shiplog logs -t --since '10 minutes ago' web", 'with times'],
  ],
  declare: (command, perform) =>
    command
      .argument('<container>', 'id or name')
      .option('-f, --follow', 'go on as it writes')
      .option('-n, --tail <number>', "only the last so many entries, or 'all'", parseTail)
      .option('-t, --timestamps', 'show when each was written')
      .option('--since <time>', `from a time on: ${timeHelp}`)
      .option('--until <time>', 'up to a time')
      .action((container, flags) =>
        perform(async ({ io, namespace, client, signal }) => {
          const request = {
            namespace,
            container,
            follow: flags.follow ?? false,
            ...given({ tail: flags.tail === 'all' ? undefined : flags.tail }),
            ...timeRange(flags, io.now()),
          };
          const stamp = flags.timestamps ? stamper() : undefined;
          for await (const { stream, timeUs, data } of (await client()).containers.logs(request, {
            signal,
          })) {
            await write(stream === 'stderr' ? io.stderr : io.stdout, stamp?.(stream, timeUs, data) ?? data);
          }
          return 0;
        }),
      ),
};
