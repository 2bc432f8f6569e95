import type { InfoResponse } from '../../../gen/shiplog/v1/system_pb.ts';
import { write } from '../cli-io.ts';
import { lineFormat } from '../output/rows.ts';
import { humanSize, timestamp } from '../output/units.ts';
import type { Verb } from '../verb.ts';

const infoRow = (info: InfoResponse) => ({
  HostId: info.hostId,
  Root: info.root,
  State: info.state,
  Pid: info.pid,
  StartedAt: timestamp(info.startedUs),
  Rss: info.rss,
  Events: info.logHead,
  LogBytes: info.logBytes,
  Divergences: info.divergences,
  Namespaces: info.namespaces,
  Containers: info.containers,
  ContainersRunning: info.containersRunning,
  Images: info.images,
  Snapshots: info.snapshots,
  Blobs: info.blobs,
  ContentBytes: info.contentBytes,
  Snapshotter: info.snapshotter,
  Runtime: info.runtime,
  RuntimeVersion: info.runtimeVersion,
  Cgroup: info.cgroup,
});

const infoLines = (row: ReturnType<typeof infoRow>): readonly (readonly [string, string])[] => [
  ['Host', row.HostId],
  ['Daemon', `pid ${row.Pid}, since ${row.StartedAt}, ${humanSize(row.Rss)} of memory`],
  ['Kept in', row.Root],
  ['State in', row.State],
  ['Log', `${row.Events} events, ${humanSize(row.LogBytes)}`],
  ['Divergences at boot', String(row.Divergences)],
  ['Namespaces', row.Namespaces.join(' ')],
  ['Containers', `${row.Containers}, ${row.ContainersRunning} running`],
  ['Images', String(row.Images)],
  ['Snapshots', `${row.Snapshots} (${row.Snapshotter})`],
  ['Blobs', `${row.Blobs}, ${humanSize(row.ContentBytes)}`],
  ['Runtime', `${row.Runtime} ${row.RuntimeVersion}`.trim()],
  ['Cgroup', row.Cgroup],
];

export const verb: Verb = {
  examples: [
    ['shiplog info', 'counts are of the namespace'],
    ["shiplog info --format '{{.Events}}'", 'the number of events in the log'],
  ],
  declare: (command, perform) =>
    command
      .option('--all-namespaces', 'count all namespaces')
      .option('-f, --format <format>', "'json' or a template")
      .action((flags) =>
        perform(async ({ io, namespace, client, signal }) => {
          const line = lineFormat(flags.format);
          const request = { namespace: flags.allNamespaces ? '' : namespace };
          const row = infoRow(await (await client()).system.info(request, { signal }));
          const text = infoLines(row).map(([name, value]) => `${name}: ${value}\n`);
          await write(io.stdout, line ? `${line(row)}\n` : text.join(''));
          return 0;
        }),
      ),
};
