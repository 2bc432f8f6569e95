import { type Blob, findBlob, findIngest, isHeld } from '../../domain/content.ts';
import { Digest, type IngestRef, type Namespace } from '../../domain/identity.ts';
import { findLease } from '../../domain/leases.ts';
import { Rejection } from '../../domain/rejection.ts';
import type { World } from '../../domain/world.ts';
import type { IngestKey } from '../ports/blobs.ts';
import type { StoreCall } from '../ports/store/call.ts';
import type { BlobInfo, ContentStore, ContentWrite, WriteRequest } from '../ports/store/content.ts';
import { alreadyThere, holding, type SharedBytes, StoredWrite } from './content-write.ts';
import { ingestStatuses } from './ingest-statuses.ts';
import { replacing } from './labels.ts';
import type { StoreParts } from './parts.ts';
import { blobFields, filtered, ingestFields, meant, named } from './select.ts';

export const contentStore = (parts: StoreParts): ContentStore => {
  const { ledger, ports, removals } = parts;
  const shown = (): World => ledger.durable.world;
  const blobOf = (world: World, namespace: Namespace, digest: Digest): Blob => {
    const blob = findBlob(world.content, namespace, digest);
    if (blob) return blob;
    throw new Rejection('not-found', `content digest ${digest}: not found`);
  };
  const info = (namespace: Namespace, digest: Digest): BlobInfo => blobOf(shown(), namespace, digest);
  const { write, openAt } = contentWrites(parts);
  return {
    info,
    list: (namespace, filters) => {
      const { content } = shown();
      const blobs = meant(
        filters,
        'digest',
        named(Digest, (digest) => findBlob(content, namespace, digest)),
        () => [...content.blobs.values()].filter((blob) => blob.namespace === namespace),
      );
      return filtered(blobs, filters, blobFields).sort((a, b) => (a.digest < b.digest ? -1 : 1));
    },
    update: async (namespace, digest, { labels, replace }, { cause }) => {
      const { labels: present } = blobOf(ledger.head.world, namespace, digest);
      const changes = replace ? replacing(present, labels) : labels;
      await ledger.dispatch([{ type: 'label-blob', namespace, digest, labels: changes }], cause);
      return info(namespace, digest);
    },
    delete: async (namespace, digest, lease, { cause }) => {
      const { world } = ledger.head;
      blobOf(world, namespace, digest);
      const resource = { type: 'content', id: digest };
      const letGo =
        lease !== undefined && findLease(world.lease, namespace, lease)
          ? [{ type: 'remove-lease-resource' as const, namespace, id: lease, resource }]
          : [];
      await ledger.dispatch(
        [{ type: 'remove-blob', namespace, digest, cause: { by: 'request' } }, ...letGo],
        cause,
      );
    },
    read: async function* (namespace, digest, { offset, length }) {
      const { size } = blobOf(shown(), namespace, digest);
      if (offset > size) {
        throw new Rejection('out-of-range', `can't read at ${offset} of ${digest}: it has ${size} bytes`);
      }
      yield* ports.blobs.read(digest, { offset, ...(length > 0 ? { length } : {}) });
    },
    status: async (namespace, ref) => {
      const [found] = await ingestStatuses(parts, namespace, ref);
      if (found) return found;
      throw new Rejection('not-found', `could not get status for ref '${ref}': not found`);
    },
    statuses: async (namespace, filters) =>
      filtered(await ingestStatuses(parts, namespace), filters, ingestFields),
    write,
    abort: async (namespace, ref, { cause }) => {
      const key = { namespace, ref };
      if (!findIngest(ledger.head.world.content, namespace, ref)) {
        throw new Rejection('not-found', `reference '${ref}': not found`);
      }
      await openAt(key)?.close();
      await ledger.dispatch([{ type: 'abort-ingest', ...key, cause: { by: 'request' } }], cause);
      await removals.discard(key);
    },
  };
};

/** Begins writes, and knows those under way. */
const contentWrites = (parts: StoreParts) => {
  const { ledger, ports, removals } = parts;
  /** By namespace and ref; undefined while one is being opened. */
  const open = new Map<string, ContentWrite | undefined>();

  const lock = (key: IngestKey): (() => void) => {
    const name = nameOf(key);
    if (open.has(name)) {
      throw new Rejection('unavailable', `ref '${key.ref}' is locked by another write: unavailable`);
    }
    open.set(name, undefined);
    return () => open.delete(name);
  };

  /** The bytes of `expected`, where another namespace holds them and they are as many as was said. */
  const sharedBytes = async (
    key: IngestKey,
    { expected, total }: Pick<WriteRequest, 'expected' | 'total'>,
  ): Promise<SharedBytes | undefined> => {
    if (expected === undefined) return undefined;
    removals.expect(key, expected);
    if (!isHeld(ledger.head.world.content, expected)) return undefined;
    await removals.settled(expected);
    const size = await ports.blobs.size(expected);
    if (size === undefined || (total !== 0 && total !== size)) return undefined;
    return { shared: expected, size };
  };

  const begin = async (request: WriteRequest, { cause }: StoreCall, letGo: () => void) => {
    const { namespace, ref, total, expected, lease } = request;
    const key = { namespace, ref };
    await ledger.dispatch(
      [
        {
          type: 'start-ingest',
          ...key,
          ...(expected === undefined ? {} : { digest: expected }),
          ...(total === 0 ? {} : { size: total }),
          ...(lease === undefined ? {} : { lease }),
        },
      ],
      cause,
    );
    await removals.discarded(key);
    const bytes = (await sharedBytes(key, request)) ?? (await ports.blobs.ingest(key));
    const { startedAt } = findIngest(ledger.head.world.content, namespace, ref) ?? {
      startedAt: ports.clock.now().wall,
    };
    const { namespace: _, ref: __, ...rest } = request;
    return new StoredWrite(parts, { ...rest, key, startedAt, bytes, cause, letGo });
  };

  return {
    openAt: (key: IngestKey): ContentWrite | undefined => open.get(nameOf(key)),
    write: async (request: WriteRequest, call: StoreCall): Promise<ContentWrite> => {
      const { namespace, ref, expected, lease } = request;
      if (expected !== undefined && findBlob(ledger.head.world.content, namespace, expected)) {
        await ledger.dispatch(holding(request, lease, expected), call.cause);
        throw alreadyThere(expected);
      }
      const letGo = lock({ namespace, ref });
      try {
        const write = await begin(request, call, letGo);
        open.set(nameOf({ namespace, ref }), write);
        return write;
      } catch (error) {
        letGo();
        throw error;
      }
    },
  };
};

const nameOf = ({ namespace, ref }: { namespace: Namespace; ref: IngestRef }) => `${namespace}/${ref}`;
