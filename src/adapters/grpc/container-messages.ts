import type { MessageInitShape } from '@bufbuild/protobuf';
import type { ContainerDetails, ContainerView, ProcessView } from '../../engine/ports/api.ts';
import type { LogEntry } from '../../engine/ports/stdio.ts';
import type {
  ContainerSchema,
  InspectContainerResponseSchema,
  LogEntrySchema,
  ProcessSchema,
} from '../../gen/shiplog/v1/containers_pb.ts';
import { present } from './parse.ts';

const microseconds = (at: number | undefined): bigint | undefined =>
  at === undefined ? undefined : BigInt(at);

export const containerMessage = (view: ContainerView): MessageInitShape<typeof ContainerSchema> => ({
  id: view.id,
  name: view.name,
  image: view.image?.name ?? '',
  imageDigest: view.image?.digest ?? '',
  args: [...view.args],
  createdUs: BigInt(view.createdAt),
  status: view.status,
  pid: view.pid ?? 0,
  ...present({
    startedUs: microseconds(view.startedAt),
    exitedUs: microseconds(view.exitedAt),
    exitCode: view.exitCode,
  }),
  oomKilled: view.oomKilled,
  error: view.error,
  labels: { ...view.labels },
  runtime: view.runtime,
});

export const detailsMessage = (
  details: ContainerDetails,
): MessageInitShape<typeof InspectContainerResponseSchema> => ({
  container: containerMessage(details.container),
  config: details.config,
  snapshotter: details.snapshotter,
  snapshotKey: details.snapshotKey,
  logPath: details.logPath,
  execs: details.execs.map(({ id, args, status, pid, exitCode }) => ({
    ...{ id, args: [...args], status, pid: pid ?? 0 },
    ...present({ exitCode }),
  })),
});

export const processMessage = (process: ProcessView): MessageInitShape<typeof ProcessSchema> => ({
  pid: process.pid,
  ppid: process.ppid,
  uid: process.uid,
  cpuUs: BigInt(Math.round(process.cpu)),
  rss: BigInt(process.rss),
  startedUs: BigInt(process.startedAt),
  args: [...process.args],
});

export const logEntryMessage = (entry: LogEntry): MessageInitShape<typeof LogEntrySchema> => ({
  timeUs: BigInt(entry.time),
  stream: entry.stream,
  data: entry.bytes,
});
