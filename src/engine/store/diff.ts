import type { Compression } from '../../domain/compression.ts';
import { findBlob } from '../../domain/content.ts';
import {
  type Descriptor,
  type DiffId,
  type Digest,
  IngestRef,
  type Namespace,
} from '../../domain/identity.ts';
import { uncompressedLabel } from '../../domain/labels.ts';
import type { Mount } from '../../domain/mount.ts';
import { asRejection, Rejection } from '../../domain/rejection.ts';
import { ancestors, type Snapshot } from '../../domain/snapshots.ts';
import type { RemoteDiffer } from '../ports/remote-differ.ts';
import type { StoreCall } from '../ports/store/call.ts';
import type { ContentStore, ContentWrite } from '../ports/store/content.ts';
import type { AppliedDiff, DiffApplication, DiffRequest, DiffService } from '../ports/store/diff.ts';
import type { StoreParts } from './parts.ts';

/** What `diff` is made of besides: the content that clients write, so that refs are locked for all alike. */
export interface DiffParts extends Pick<StoreParts, 'ledger'> {
  readonly ports: Pick<
    StoreParts['ports'],
    'blobs' | 'differ' | 'differs' | 'layers' | 'names' | 'snapshots'
  >;
  readonly content: Pick<ContentStore, 'write' | 'abort' | 'update'>;
}

/** Layers into mounted trees, and out of them. */
export const diffService = (parts: DiffParts): DiffService => ({
  apply: (namespace, application, call) =>
    orElsewhere(
      () => apply(parts, namespace, application, call),
      [...parts.ports.differs.values()],
      (differ) => differ.apply(application, { namespace, signal: call.signal }),
    ),
  diff: (namespace, request, call) =>
    orElsewhere(
      () => diff(parts, namespace, request, call),
      [...parts.ports.differs.values()],
      (differ) => differ.diff(request, { namespace, signal: call.signal }),
    ),
});

/** Ours first; what it says it can't do is asked of the others. @throws what the last of them said */
const orElsewhere = async <T>(
  here: () => Promise<T>,
  differs: readonly RemoteDiffer[],
  elsewhere: (differ: RemoteDiffer) => Promise<T>,
): Promise<T> => {
  const [next, ...others] = differs;
  try {
    return await here();
  } catch (error) {
    if (next === undefined || asRejection(error).code !== 'unimplemented') throw error;
    return orElsewhere(() => elsewhere(next), others, elsewhere);
  }
};

const apply = async (
  parts: DiffParts,
  namespace: Namespace,
  { layer, mounts, payloads }: DiffApplication,
  { signal }: StoreCall,
): Promise<AppliedDiff> => {
  const { ledger, ports } = parts;
  if (!findBlob(ledger.durable.world.content, namespace, layer.digest)) {
    throw new Rejection(
      'not-found',
      `failed to get reader from content store: content ${layer.digest}: not found`,
    );
  }
  const file = { path: ports.blobs.path(layer.digest), mediaType: layer.mediaType, payloads };
  const options = signal === undefined ? {} : { signal };
  const fresh = await freshTarget(parts, namespace, mounts);
  if (fresh === undefined) {
    const applied = await ports.layers.applyTo(file, mounts, options);
    return { digest: applied.diffId, size: applied.size };
  }
  const parents = ancestors(ledger.durable.world.snapshot, fresh).map(({ id }) => id);
  const applied = await ports.layers.apply(file, fresh.id, { parents, ...options });
  if (applied.needsParents) {
    throw new Rejection('internal', `layer ${layer.digest} wants parents, which it was given`);
  }
  await ports.layers.settle([fresh.id]);
  return { digest: applied.diffId, size: applied.size };
};

/**
 * The snapshot that the mounts write to, where it is one of our own overlays and holds nothing yet: the layer goes straight
 * into its directory then, without a mount, and comes out the same.
 */
const freshTarget = async (
  { ledger, ports: { snapshots } }: DiffParts,
  namespace: Namespace,
  mounts: readonly Mount[],
): Promise<Snapshot | undefined> => {
  const id = snapshots.writtenBy(mounts);
  if (id === undefined) return undefined;
  const all = ledger.durable.world.snapshot.values();
  for (const snapshot of all) {
    if (snapshot.id !== id || snapshot.namespace !== namespace || snapshot.kind !== 'active') continue;
    const { inodes } = await snapshots.usage(id);
    return inodes === 1 ? snapshot : undefined;
  }
  return undefined;
};

/** Layers that we make, by what clients call them. */
const compressions: Readonly<Record<string, Compression>> = {
  'application/vnd.oci.image.layer.v1.tar': 'none',
  'application/vnd.oci.image.layer.v1.tar+gzip': 'gzip',
  'application/vnd.oci.image.layer.v1.tar+zstd': 'zstd',
  'application/vnd.docker.image.rootfs.diff.tar': 'none',
  'application/vnd.docker.image.rootfs.diff.tar.gzip': 'gzip',
  'application/vnd.docker.image.rootfs.diff.tar.zstd': 'zstd',
};
const usualType = 'application/vnd.oci.image.layer.v1.tar+gzip';

const diff = async (
  parts: DiffParts,
  namespace: Namespace,
  request: DiffRequest,
  call: StoreCall,
): Promise<Descriptor> => {
  const { content, ports } = parts;
  const mediaType = request.mediaType === '' ? usualType : request.mediaType;
  const compression = compressions[mediaType];
  if (compression === undefined) {
    throw new Rejection('unimplemented', `unsupported diff media type: ${mediaType}: not implemented`);
  }
  const ref = request.ref ?? IngestRef.parse(`diff-${ports.names.brief()}`);
  const { latest, lease, left, right } = request;
  const made = ports.differ.diff(
    { lower: left, upper: right },
    { compression, signal: call.signal, ...(latest === undefined ? {} : { latest }) },
  );
  const lent = lease === undefined ? {} : { lease };
  const write = await content.write({ namespace, ref, total: 0, ...lent }, call);
  try {
    const size = await writeAll(write, made.bytes);
    const diffId = made.diffId();
    const digest = await write.digest();
    await commit(parts, { namespace, write, digest, size, diffId, request }, call);
    return { mediaType, digest, size };
  } catch (error) {
    await write.close();
    // nobody else knows it, and what was written of it is no use to anybody
    if (request.ref === undefined) await content.abort(namespace, ref, call);
    throw error;
  } finally {
    await write.close();
  }
};

/** From the beginning, whatever an earlier try left under the ref. @returns bytes */
const writeAll = async (write: ContentWrite, bytes: AsyncIterable<Uint8Array>): Promise<number> => {
  let offset = 0;
  for await (const piece of bytes) {
    await write.write(offset, piece);
    offset += piece.length;
  }
  return offset;
};

interface Written {
  readonly namespace: Namespace;
  readonly write: ContentWrite;
  readonly digest: Digest;
  readonly size: number;
  readonly diffId: DiffId;
  readonly request: DiffRequest;
}

/** Names the blob; where the namespace has it, it gets the label that unpacking asks for all the same. */
const commit = async (
  { content, ledger }: DiffParts,
  { namespace, write, digest, size, diffId, request }: Written,
  call: StoreCall,
): Promise<void> => {
  const labels = { ...request.labels, [uncompressedLabel]: diffId };
  try {
    await write.commit({ total: size, expected: digest, labels });
  } catch (error) {
    if (asRejection(error).code !== 'already-exists') throw error;
    const there = findBlob(ledger.durable.world.content, namespace, digest);
    if (there === undefined || there.labels[uncompressedLabel] !== undefined) return;
    const change = { labels: { [uncompressedLabel]: diffId }, replace: false };
    await content.update(namespace, digest, change, call);
  }
};
