import type { Process } from '../../../gen/shiplog/v1/containers_pb.ts';
import { formatHelp, printRows, type RowStyle } from '../output/rows.ts';
import { humanSize, timestamp } from '../output/units.ts';
import type { Verb } from '../verb.ts';

const clockTime = (us: bigint): string => {
  const seconds = Number(us / 1_000_000n);
  const two = (value: number) => String(Math.floor(value)).padStart(2, '0');
  return `${two(seconds / 3600)}:${two((seconds / 60) % 60)}:${two(seconds % 60)}`;
};

const processRow = (process: Process) => ({
  UID: process.uid,
  PID: process.pid,
  PPID: process.ppid,
  STIME: timestamp(process.startedUs).slice(0, 19),
  TIME: clockTime(process.cpuUs),
  RSS: humanSize(process.rss),
  CMD: process.args.join(' '),
});

type ProcessRow = ReturnType<typeof processRow>;

const headings = ['UID', 'PID', 'PPID', 'STIME', 'TIME', 'RSS', 'CMD'] as const;

const style: RowStyle<ProcessRow> = { headings, cells: (row) => headings.map((name) => String(row[name])) };

export const verb: Verb = {
  examples: [['shiplog top web', 'its processes, with their ids on the host']],
  declare: (command, perform) =>
    command
      .argument('<container>', 'id or name')
      .option('--format <format>', formatHelp)
      .action((container, flags) =>
        perform(async ({ io, namespace, client, signal }) => {
          const { processes } = await (await client()).containers.top({ namespace, container }, { signal });
          await printRows(io, processes.map(processRow), style, { format: flags.format, quiet: undefined });
          return 0;
        }),
      ),
};
