import type { InfoResponse, LogCopy } from '../../../gen/shiplog/v1/system_pb.ts';
import { write } from '../cli-io.ts';
import { shownAt } from '../moment.ts';
import { lineFormat } from '../output/rows.ts';
import { humanSize, timestamp } from '../output/units.ts';
import { atFlag } from '../parse/at.ts';
import type { Verb } from '../verb.ts';

const copyRow = (copy: LogCopy) => ({
  Mode: copy.mode,
  Place: copy.place,
  State: copy.state,
  Position: copy.position ?? null,
  LagEvents: copy.lagEvents,
  LagSeconds: Number(copy.lagUs) / 1e6,
  LastError: copy.lastError,
  LastErrorAt: copy.lastErrorUs === 0n ? '' : timestamp(copy.lastErrorUs),
});

/** The second copy of the log: where, how it is, and how far behind. */
const copyLines = (copy: ReturnType<typeof copyRow> | null): (readonly [string, string])[] => {
  if (copy === null) return [];
  const lag =
    copy.LagEvents === 0n ? 'in step' : `${copy.LagEvents} events, ${copy.LagSeconds.toFixed(1)} s behind`;
  const failure: (readonly [string, string])[] =
    copy.LastError === '' ? [] : [['Last failure of the copy', `${copy.LastErrorAt}: ${copy.LastError}`]];
  return [
    [copy.Mode === 'primary' ? 'Log is on' : 'Log is copied to', copy.Place],
    [copy.Mode === 'primary' ? 'Copy in files' : 'Copy', `${copy.State}, ${lag}`],
    ...failure,
  ];
};

/** What the log alone tells. */
const countsRow = (info: InfoResponse) => ({
  HostId: info.hostId,
  Events: info.logHead,
  Divergences: info.divergences,
  Namespaces: info.namespaces,
  Containers: info.containers,
  ContainersRunning: info.containersRunning,
  Images: info.images,
  Snapshots: info.snapshots,
  Blobs: info.blobs,
  ContentBytes: info.contentBytes,
});

const countsLines = (row: ReturnType<typeof countsRow>): readonly (readonly [string, string])[] => [
  ['Host', row.HostId],
  ['Log', `${row.Events} events`],
  ['Divergences at boot', String(row.Divergences)],
  ['Namespaces', row.Namespaces.join(' ')],
  ['Containers', `${row.Containers}, ${row.ContainersRunning} running`],
  ['Images', String(row.Images)],
  ['Snapshots', String(row.Snapshots)],
  ['Blobs', `${row.Blobs}, ${humanSize(row.ContentBytes)}`],
];

const infoRow = (info: InfoResponse) => ({
  HostId: info.hostId,
  Root: info.root,
  State: info.state,
  Pid: info.pid,
  StartedAt: timestamp(info.startedUs),
  Rss: info.rss,
  Events: info.logHead,
  LogBytes: info.logBytes,
  Horizon: info.logHorizon,
  LogArchives: info.logArchives,
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
  LogCopy: info.logCopy ? copyRow(info.logCopy) : null,
});

const horizonLines = (horizon: bigint, archives: readonly string[]): readonly [string, string][] => {
  if (horizon === 0n) return [];
  const where = archives.length === 0 ? 'what was before is in no archive' : `before: ${archives.join(', ')}`;
  return [['Log begins at', `${horizon}; ${where}`]];
};

const infoLines = (row: ReturnType<typeof infoRow>): readonly (readonly [string, string])[] => [
  ['Host', row.HostId],
  ['Daemon', `pid ${row.Pid}, since ${row.StartedAt}, ${humanSize(row.Rss)} of memory`],
  ['Kept in', row.Root],
  ['State in', row.State],
  ['Log', `${row.Events} events, ${humanSize(row.LogBytes)}`],
  ...horizonLines(row.Horizon, row.LogArchives),
  ...copyLines(row.LogCopy),
  ['Divergences at boot', String(row.Divergences)],
  ['Namespaces', row.Namespaces.join(' ')],
  ['Containers', `${row.Containers}, ${row.ContainersRunning} running`],
  ['Images', String(row.Images)],
  ['Snapshots', `${row.Snapshots} (${row.Snapshotter})`],
  ['Blobs', `${row.Blobs}, ${humanSize(row.ContentBytes)}`],
  ['Runtime', `${row.Runtime} ${row.RuntimeVersion}`.trim()],
  ['Cgroup', row.Cgroup],
];

type Told = readonly [row: object, lines: readonly (readonly [string, string])[]];

const nowOf = (info: InfoResponse): Told => {
  const row = infoRow(info);
  return [row, infoLines(row)];
};

const pastOf = (info: InfoResponse): Told => {
  const row = countsRow(info);
  return [row, countsLines(row)];
};

export const verb: Verb = {
  examples: [
    ['shiplog info', 'counts are of the namespace'],
    ["shiplog info --format '{{.Events}}'", 'the number of events in the log'],
  ],
  declare: (command, perform) =>
    command
      .option('--all-namespaces', 'count all namespaces')
      .option(atFlag, 'counts as they were then, and nothing that only the live daemon knows')
      .option('-f, --format <format>', "'json' or a template")
      .action((flags) =>
        perform(async (context) => {
          const { io, namespace, client, signal } = context;
          const line = lineFormat(flags.format);
          const { at, past } = await shownAt(context, flags.at);
          const request = { namespace: flags.allNamespaces ? '' : namespace, ...at };
          const info = await (await client()).system.info(request, { signal });
          const [row, lines] = past ? pastOf(info) : nowOf(info);
          const text = lines.map(([name, value]) => `${name}: ${value}\n`);
          await write(io.stdout, line ? `${line(row)}\n` : text.join(''));
          return 0;
        }),
      ),
};
