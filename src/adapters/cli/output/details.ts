import type { InspectContainerResponse } from '../../../gen/shiplog/v1/containers_pb.ts';
import type { InspectImageResponse } from '../../../gen/shiplog/v1/images_pb.ts';
import type { Blob, Lease, Snapshot } from '../../../gen/shiplog/v1/resources_pb.ts';
import { timestamp } from './units.ts';

const parseJson = (text: string): unknown => {
  const parsed: unknown = text === '' ? null : JSON.parse(text);
  return parsed;
};

const time = (us: bigint | undefined): string => (us === undefined || us === 0n ? '' : timestamp(us));

/** All of a container, under docker's names where docker has the field. */
export const containerDetails = (answer: InspectContainerResponse): object => {
  const { container } = answer;
  const status = container?.status ?? '';
  return {
    Id: container?.id,
    Name: container?.name,
    Created: time(container?.createdUs),
    Path: container?.args[0] ?? '',
    Args: container?.args.slice(1) ?? [],
    State: {
      Status: status,
      Running: status === 'running' || status === 'paused',
      Paused: status === 'paused',
      OOMKilled: container?.oomKilled,
      Pid: container?.pid,
      ExitCode: container?.exitCode ?? (status === 'lost' ? null : 0),
      Error: container?.error,
      StartedAt: time(container?.startedUs),
      FinishedAt: time(container?.exitedUs),
    },
    Image: container?.image,
    ImageDigest: container?.imageDigest,
    Labels: container?.labels,
    Runtime: container?.runtime,
    Config: parseJson(answer.config),
    Snapshotter: answer.snapshotter,
    SnapshotKey: answer.snapshotKey,
    LogPath: answer.logPath,
    Execs: answer.execs.map((exec) => ({
      Id: exec.id,
      Args: exec.args,
      Status: exec.status,
      Pid: exec.pid,
      ExitCode: exec.exitCode ?? null,
    })),
  };
};

/** All of an image. */
export const imageDetails = (answer: InspectImageResponse): object => {
  const { image } = answer;
  const platform = image?.platform;
  return {
    Id: image?.id,
    Name: image?.name,
    Target: { MediaType: image?.target?.mediaType, Digest: image?.target?.digest, Size: image?.target?.size },
    Created: time(image?.createdUs),
    Updated: time(image?.updatedUs),
    Os: platform?.os,
    Architecture: platform?.architecture,
    Variant: platform?.variant,
    ContentSize: image?.contentSize,
    Size: image?.unpackedSize,
    Labels: image?.labels,
    Layers: answer.layers,
    Config: parseJson(answer.config),
    Manifest: parseJson(answer.manifest),
  };
};

/** All of a snapshot. */
export const snapshotDetails = (snapshot: Snapshot): object => ({
  Key: snapshot.key,
  Kind: snapshot.kind,
  Parent: snapshot.parent,
  Snapshotter: snapshot.snapshotter,
  Size: snapshot.size ?? null,
  Inodes: snapshot.inodes ?? null,
  Created: time(snapshot.createdUs),
  Updated: time(snapshot.updatedUs),
  Labels: snapshot.labels,
  Children: snapshot.children,
});

/** All that the log says of a blob. */
export const blobDetails = (blob: Blob): object => ({
  Digest: blob.digest,
  Size: blob.size,
  Created: time(blob.createdUs),
  Updated: time(blob.updatedUs),
  Labels: blob.labels,
});

/** All of a lease. */
export const leaseDetails = (lease: Lease): object => ({
  Id: lease.id,
  Created: time(lease.createdUs),
  Expires: lease.expiresUs === undefined ? null : time(lease.expiresUs),
  Labels: lease.labels,
  Resources: lease.resources.map(({ type, id }) => ({ Type: type, Id: id })),
});
