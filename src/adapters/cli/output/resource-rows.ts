import type { Blob, Lease, NamespaceEntry, Snapshot } from '../../../gen/shiplog/v1/resources_pb.ts';
import { ellipsis, humanAgo, humanSize, humanSpan, shortId, timestamp } from './units.ts';

/** Digests and ids made by a machine are cut as docker cuts ids; keys that people gave stay whole. */
const shortKey = (key: string): string => (/^(?:sha256:)?[a-f0-9]{64}$/.test(key) ? shortId(key) : key);

const labelsText = (labels: Readonly<Record<string, string>>, noTrunc: boolean): string => {
  const text = Object.entries(labels)
    .map(([name, value]) => `${name}=${value}`)
    .sort()
    .join(',');
  return text === '' ? '-' : noTrunc ? text : ellipsis(text, 60);
};

/** `in 23 hours`, `3 minutes ago`, `never`. */
const expiryText = (us: bigint | undefined, nowMs: number): string => {
  if (us === undefined) return 'never';
  const left = Number(us / 1000n) - nowMs;
  return left < 0 ? humanAgo(us, nowMs) : `in ${humanSpan(left)}`;
};

export const snapshotRow = (snapshot: Snapshot, nowMs: number, noTrunc: boolean) => ({
  Key: noTrunc ? snapshot.key : shortKey(snapshot.key),
  Kind: snapshot.kind,
  Parent: noTrunc ? snapshot.parent : shortKey(snapshot.parent),
  Snapshotter: snapshot.snapshotter,
  // Only a committed snapshot's size is in the log.
  Size: snapshot.size === undefined ? 'unknown' : humanSize(snapshot.size),
  Bytes: snapshot.size ?? null,
  Inodes: snapshot.inodes ?? null,
  CreatedSince: humanAgo(snapshot.createdUs, nowMs),
  CreatedAt: timestamp(snapshot.createdUs),
  Children: snapshot.children,
  Labels: snapshot.labels,
});
export type SnapshotRow = ReturnType<typeof snapshotRow>;

export const blobRow = (blob: Blob, nowMs: number, noTrunc: boolean) => ({
  Digest: noTrunc ? blob.digest : shortId(blob.digest),
  Size: humanSize(blob.size),
  Bytes: blob.size,
  CreatedSince: humanAgo(blob.createdUs, nowMs),
  CreatedAt: timestamp(blob.createdUs),
  LabelsText: labelsText(blob.labels, noTrunc),
  Labels: blob.labels,
});
export type BlobRow = ReturnType<typeof blobRow>;

export const leaseRow = (lease: Lease, nowMs: number) => ({
  ID: lease.id,
  CreatedSince: humanAgo(lease.createdUs, nowMs),
  CreatedAt: timestamp(lease.createdUs),
  Expires: expiryText(lease.expiresUs, nowMs),
  ExpiresAt: lease.expiresUs === undefined ? null : timestamp(lease.expiresUs),
  Held: lease.resources.length,
  Resources: lease.resources.map(({ type, id }) => ({ Type: type, Id: id })),
  Labels: lease.labels,
});
export type LeaseRow = ReturnType<typeof leaseRow>;

export const namespaceRow = (entry: NamespaceEntry, noTrunc: boolean) => ({
  Name: entry.name,
  Containers: entry.containers,
  Images: entry.images,
  Snapshots: entry.snapshots,
  Blobs: entry.blobs,
  Leases: entry.leases,
  LabelsText: labelsText(entry.labels, noTrunc),
  Labels: entry.labels,
});
export type NamespaceRow = ReturnType<typeof namespaceRow>;
